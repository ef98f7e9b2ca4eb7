/* Replacing files so that nothing is lost: temporary file, lock, backup, rename. */
#include "frugalseg/replacement.h"
#include "file_io.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One write call moves at most this much; Linux itself stops at 2 GiB. */
#define TRANSFER_LIMIT ((size_t)1 << 30)
#define MARK ".frugalseg-" /* then MARK_LETTERS letters or digits, then the suffix */
#define MARK_LETTERS 6

struct fseg_replacement {
    char *path, *temporary, *backup;
    int descriptor; /* of the temporary file; holds its lock; -1 after put */
    int put;        /* whether the new file is in place */
    int backed_up;
};

/* ---- leftovers ---- */

/* Whether a name is one that make_temporary gives. */
static int is_temporary_name(const char *name)
{
    if (name[0] != '.') {
        return 0;
    }
    const char *mark = NULL;
    for (const char *at = strstr(name + 1, MARK); at; at = strstr(at + 1, MARK)) {
        mark = at; /* the last one: a file's own name may hold the mark */
    }
    if (!mark || mark == name + 1) {
        return 0;
    }
    const char *letters = mark + strlen(MARK);
    for (int i = 0; i < MARK_LETTERS; i++) {
        if (!islower((unsigned char)letters[i]) && !isdigit((unsigned char)letters[i])) {
            return 0;
        }
    }
    return letters[MARK_LETTERS] == '\0' || letters[MARK_LETTERS] == '.';
}

/* Remove a temporary file that nobody holds. Whoever gets the lock is alone with the file; that the
 * name still means this file is checked after that. */
static int remove_if_stale(int folder, const char *name)
{
    struct stat listed, opened;
    if (fstatat(folder, name, &listed, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(listed.st_mode) ||
        listed.st_uid != geteuid()) {
        return 0;
    }
    const int descriptor = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) {
        return 0;
    }
    int removed = 0;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &opened) == 0 &&
        fstatat(folder, name, &listed, AT_SYMLINK_NOFOLLOW) == 0 &&
        opened.st_ino == listed.st_ino && opened.st_dev == listed.st_dev) {
        removed = unlinkat(folder, name, 0) == 0;
    }
    close(descriptor);
    return removed;
}

int fseg_replacement_sweep(const char *folder)
{
    DIR *directory = folder ? opendir(folder) : NULL;
    if (!directory) {
        return 0;
    }
    int removed = 0;
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (is_temporary_name(entry->d_name)) {
            removed += remove_if_stale(dirfd(directory), entry->d_name);
        }
    }
    closedir(directory);
    return removed;
}

/* ---- making ---- */

/* Letters that differ between threads, processes and attempts; O_EXCL decides. */
static void draw_letters(const void *where, int attempt, char *letters)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t x = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 20 ^
                 (uint64_t)(uintptr_t)where ^ (uint64_t)attempt << 50;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* SplitMix64's finish */
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    for (int i = 0; i < MARK_LETTERS; i++, x /= 36) {
        letters[i] = digits[x % 36];
    }
}

/* Length of the folder part of `path`, with its slash. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Create and lock a temporary file. 0 or the errno. */
static int make_temporary(fseg_replacement *r, const char *suffix)
{
    const size_t folder = folder_length(r->path);
    const size_t room = strlen(r->path) + strlen(suffix) + sizeof MARK + MARK_LETTERS + 2;
    r->temporary = malloc(room);
    if (!r->temporary) {
        return ENOMEM;
    }
    for (int attempt = 0; attempt < 1000; attempt++) {
        char letters[MARK_LETTERS + 1] = "";
        draw_letters(r, attempt, letters);
        snprintf(r->temporary, room, "%.*s.%s" MARK "%s%s", (int)folder, r->path, r->path + folder,
                 letters, suffix);
        r->descriptor =
            open(r->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (r->descriptor < 0) {
            if (errno == EEXIST) {
                continue;
            }
            return errno;
        }
        /* A sweeper may have come between: then the lock or the name is lost, and another is made.
         * A file system without locks is fine: there a sweeper gets none either. */
        struct stat info;
        const int taken = flock(r->descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (!taken && fstat(r->descriptor, &info) == 0 && info.st_nlink > 0) {
            return 0;
        }
        (void)unlink(r->temporary);
        close(r->descriptor);
        r->descriptor = -1;
    }
    return EEXIST;
}

static void release(fseg_replacement *r)
{
    if (r->descriptor >= 0) {
        close(r->descriptor);
    }
    free(r->path);
    free(r->temporary);
    free(r->backup);
    free(r);
}

static char *folder_of(const char *path)
{
    const size_t length = folder_length(path);
    char *folder = malloc(length + 2);
    if (folder) {
        memcpy(folder, path, length);
        folder[length] = '\0';
        if (length == 0) {
            strcpy(folder, ".");
        }
    }
    return folder;
}

static char *backup_of(const char *path)
{
    const size_t room = strlen(path) + sizeof FSEG_BACKUP_SUFFIX;
    char *backup = malloc(room);
    if (backup) {
        snprintf(backup, room, "%s" FSEG_BACKUP_SUFFIX, path);
    }
    return backup;
}

fseg_status fseg_replacement_open(const char *path, const char *suffix, fseg_replacement **out,
                                  fseg_error *error)
{
    if (out) {
        *out = NULL;
    }
    if (!path || !suffix || !out || path[0] == '\0') {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_replacement_open needs a path, a suffix and a place for the "
                              "file.");
    }
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return fseg_system_error(error, EISDIR, path, "write");
    }
    fseg_replacement *r = calloc(1, sizeof *r);
    char *folder = folder_of(path);
    if (r) {
        r->descriptor = -1;
        r->path = strdup(path);
        r->backup = backup_of(path);
    }
    int code = r && folder && r->path && r->backup ? 0 : ENOMEM;
    if (code == 0) {
        (void)fseg_replacement_sweep(folder);
        code = make_temporary(r, suffix);
    }
    free(folder);
    if (code != 0) {
        if (r) {
            release(r);
        }
        return fseg_system_error(error, code, path, "write");
    }
    *out = r;
    return FSEG_OK;
}

const char *fseg_replacement_path(const fseg_replacement *replacement)
{
    return replacement ? replacement->temporary : NULL;
}

int fseg_replacement_descriptor(const fseg_replacement *replacement)
{
    return replacement ? replacement->descriptor : -1;
}

fseg_status fseg_replacement_write(fseg_replacement *replacement, const void *bytes, size_t count,
                                   fseg_error *error)
{
    if (!replacement || (!bytes && count > 0) || replacement->descriptor < 0) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_replacement_write needs an open file and bytes.");
    }
    const unsigned char *from = bytes;
    while (count > 0) {
        const size_t part = count < TRANSFER_LIMIT ? count : TRANSFER_LIMIT;
        const ssize_t done = write(replacement->descriptor, from, part);
        if (done < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fseg_system_error(error, errno, replacement->path, "write");
        }
        from += done;
        count -= (size_t)done;
    }
    return FSEG_OK;
}

/* ---- putting in place ---- */

/* Make a rename itself durable. A folder that cannot be opened or synced (some network and FUSE
 * file systems) is no reason to report a file that is in place as lost. */
static void sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    const int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

/* A second name for the former file. A backup of that name was left by a killed process, after it
 * had put a whole file in place: that file is the former one now. */
static void back_up(fseg_replacement *r)
{
    struct stat info;
    if (lstat(r->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return;
    }
    (void)unlink(r->backup);
    r->backed_up = link(r->path, r->backup) == 0;
}

fseg_status fseg_replacement_put(fseg_replacement *replacement, fseg_error *error)
{
    fseg_replacement *r = replacement;
    if (!r || r->put) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_replacement_put needs a file that is not in place yet.");
    }
    int code = fsync(r->descriptor) == 0 ? 0 : errno;
    if (code == 0) {
        back_up(r);
        code = rename(r->temporary, r->path) == 0 ? 0 : errno;
    }
    if (code != 0) {
        if (r->backed_up) {
            (void)unlink(r->backup);
            r->backed_up = 0;
        }
        return fseg_system_error(error, code, r->path, "write");
    }
    r->put = 1;
    /* Closing tells of delayed failures on some file systems. */
    code = close(r->descriptor) == 0 ? 0 : errno;
    r->descriptor = -1;
    sync_folder_of(r->path);
    return code == 0 || code == EINTR ? FSEG_OK : fseg_system_error(error, code, r->path, "write");
}

void fseg_replacement_keep(fseg_replacement *replacement)
{
    if (replacement && replacement->backed_up) {
        (void)unlink(replacement->backup);
    }
    if (replacement) {
        release(replacement);
    }
}

void fseg_replacement_undo(fseg_replacement *replacement)
{
    fseg_replacement *r = replacement;
    if (!r) {
        return;
    }
    if (!r->put) {
        (void)unlink(r->temporary);
    } else {
        (void)(r->backed_up ? rename(r->backup, r->path) : unlink(r->path));
        sync_folder_of(r->path);
    }
    release(r);
}

/* ---- backups that were left ---- */

void fseg_replacement_forget_backup(const char *path)
{
    char *backup = path ? backup_of(path) : NULL;
    if (backup) {
        (void)unlink(backup);
    }
    free(backup);
}

int fseg_replacement_has_backup(const char *path)
{
    char *backup = path ? backup_of(path) : NULL;
    struct stat info;
    const int found = backup && lstat(backup, &info) == 0 && S_ISREG(info.st_mode);
    free(backup);
    return found;
}
