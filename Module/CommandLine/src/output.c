#include "output.h"
#include "frugalseg/replacement.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGING ".frugalseg-" /* then six letters or digits, as mkdtemp draws them */
#define JOURNAL "commit"      /* in the staging folder: what is to be moved, or removed ("-NAME") */

static fseg_status system_error(fseg_error *error, int code, const char *path)
{
    switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
        return fseg_error_set(error, FSEG_ERROR_PERMISSION,
                              "The output '%.300s' may not be written; choose another folder.",
                              path);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return fseg_error_set(error, FSEG_ERROR_NO_SPACE,
                              "The disk of '%.300s' is full; free some space and try again.", path);
    case ENOTDIR:
    case EEXIST:
    case ENOTEMPTY:
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "'%.300s' exists and is in the way; remove it or choose another "
                              "output.",
                              path);
    case ENOENT:
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "The folder of '%.300s' does not exist; make it first.", path);
    case ENOMEM:
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    default:
        return fseg_error_set(error, FSEG_ERROR_IO,
                              "The output '%.300s' cannot be written (system error %d).", path,
                              code);
    }
}

/* Make `path` and its parents; counts in *made how many levels were new. */
static fseg_status make_folders(char *path, int *made, fseg_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        return S_ISDIR(info.st_mode) ? FSEG_OK : system_error(error, ENOTDIR, path);
    }
    char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        *slash = '\0';
        const fseg_status status = make_folders(path, made, error);
        *slash = '/';
        if (status != FSEG_OK) {
            return status;
        }
    }
    if (mkdir(path, 0777) != 0) {
        return system_error(error, errno, path);
    }
    (*made)++;
    return FSEG_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void sync_folder(const char *path)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

/* ---- what a killed process left ---- */

/* Move what the journal of `staging` names into `folder`. What is no longer there was moved before.
 * Names with a slash are not ours. errno of the first failure, else 0. */
static int roll_forward(const char *folder, const char *staging)
{
    char *journal = NULL, *line = NULL;
    size_t room = 0;
    int code = 0;
    FILE *file = asprintf(&journal, "%s/" JOURNAL, staging) < 0 ? NULL : fopen(journal, "re");
    while (file && code == 0 && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        const char *name = line[0] == '-' ? line + 1 : line;
        char *from = NULL, *to = NULL;
        if (strchr(name, '/') || !*name) {
            continue;
        }
        if (asprintf(&from, "%s/%s", staging, name) < 0) {
            from = NULL;
        }
        if (asprintf(&to, "%s/%s", folder, name) < 0) {
            to = NULL;
        }
        if (!from || !to) {
            code = ENOMEM;
        } else if (line[0] == '-') {
            code = unlink(to) == 0 || errno == ENOENT ? 0 : errno;
        } else {
            code = rename(from, to) == 0 || errno == ENOENT ? 0 : errno;
        }
        free(from);
        free(to);
    }
    if (file) {
        (void)fclose(file);
        sync_folder(folder);
    }
    free(line);
    free(journal);
    return code;
}

static bool is_staging_name(const char *name)
{
    const size_t mark = strlen(STAGING);
    bool ours = strncmp(name, STAGING, mark) == 0 && strlen(name) == mark + 6;
    for (const char *c = name + (ours ? mark : strlen(name)); *c; c++) {
        ours = ours && isalnum((unsigned char)*c);
    }
    return ours;
}

/* Staging folders of ours that nobody holds: complete what was decided, remove the rest. */
static void clear_stale(const char *folder)
{
    DIR *directory = opendir(folder);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        struct stat info;
        char *path = NULL;
        if (!is_staging_name(entry->d_name) ||
            fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
            asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
            continue;
        }
        const int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && roll_forward(folder, path) == 0) {
            remove_tree(path);
        }
        if (lock >= 0) {
            close(lock);
        }
        free(path);
    }
    if (directory) {
        closedir(directory);
    }
}

/* ---- a folder of results ---- */

/* A staging folder that others see as held; errno or 0. */
static int make_staging(output_folder *out)
{
    char *letters = strrchr(out->staging, '/') + 1 + strlen(STAGING);
    for (int attempt = 0; attempt < 100; attempt++) {
        struct stat info;
        strcpy(letters, "XXXXXX");
        if (!mkdtemp(out->staging)) {
            return errno;
        }
        const int lock = open(out->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Somebody who clears stale folders may have come between. */
        const bool taken = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (!taken && stat(out->staging, &info) == 0) {
            out->held = lock + 1;
            return 0;
        }
        if (lock >= 0) {
            close(lock);
        }
    }
    return EEXIST;
}

fseg_status output_folder_open(const char *path, output_folder *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    out->path = strndup(path, length);
    if (!out->path || asprintf(&out->staging, "%s/" STAGING "XXXXXX", out->path) < 0) {
        out->staging = NULL;
        output_folder_close(out);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status = make_folders(out->path, &out->created, error);
    if (status == FSEG_OK) {
        clear_stale(out->path);
        const int code = make_staging(out);
        status = code == 0 ? FSEG_OK : system_error(error, code, out->path);
    }
    if (status != FSEG_OK) {
        free(out->staging);
        out->staging = NULL;
        output_folder_close(out);
    }
    return status;
}

char *output_folder_staged(const output_folder *folder, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", folder->staging, name) < 0 ? NULL : path;
}

/* Whether a folder lies where the result `name` goes: the moves must not stop half-way. errno or 0.
 */
static int in_the_way(const output_folder *folder, const char *name)
{
    char *from = output_folder_staged(folder, name), *to = NULL;
    struct stat info;
    if (asprintf(&to, "%s/%s", folder->path, name) < 0) {
        to = NULL;
    }
    int code = from && to ? 0 : ENOMEM;
    if (code == 0 && lstat(to, &info) == 0 && S_ISDIR(info.st_mode)) {
        /* An empty one gives way to a folder. */
        const bool folders = stat(from, &info) == 0 && S_ISDIR(info.st_mode);
        code = folders && rmdir(to) == 0 ? 0 : EEXIST;
    }
    free(from);
    free(to);
    return code;
}

fseg_status output_folder_commit(output_folder *folder, const char *const *names, size_t count,
                                 fseg_error *error)
{
    char text[4096], *journal = output_folder_staged(folder, JOURNAL);
    size_t length = 0;
    for (size_t i = 0; i < count && length < sizeof text; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s\n", names[i]);
    }
    if (folder->stale && length < sizeof text) {
        length += (size_t)snprintf(text + length, sizeof text - length, "-%s\n", folder->stale);
    }
    if (!journal || length >= sizeof text) {
        free(journal);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    for (size_t i = 0; i < count; i++) {
        const int code = in_the_way(folder, names[i]);
        if (code != 0) {
            free(journal);
            return system_error(error, code, names[i]);
        }
    }
    /* From here on the results will be there, whatever happens to this process. */
    fseg_status status = output_write_file(journal, text, length, error);
    if (status == FSEG_OK) {
        const int code = roll_forward(folder->path, folder->staging);
        folder->created = 0; /* the folder now holds results */
        status = code == 0 ? FSEG_OK : system_error(error, code, folder->path);
        (void)unlink(journal);
    }
    free(journal);
    return status;
}

void output_folder_close(output_folder *folder)
{
    if (folder->staging) {
        remove_tree(folder->staging);
    }
    if (folder->held > 0) {
        close(folder->held - 1);
    }
    for (; folder->path && folder->created > 0; folder->created--) {
        (void)rmdir(folder->path);
        char *slash = strrchr(folder->path, '/');
        if (!slash) {
            break;
        }
        *slash = '\0';
    }
    free(folder->staging);
    free(folder->path);
    memset(folder, 0, sizeof *folder);
}

/* ---- single files ---- */

/* Whether the file holds just these bytes. */
static bool reads_back(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "rbe");
    char *found = malloc(size + 1); /* one more: a longer file is another one */
    const bool same =
        file && found && fread(found, 1, size + 1, file) == size && memcmp(found, bytes, size) == 0;
    free(found);
    if (file) {
        (void)fclose(file);
    }
    return same;
}

fseg_status output_write_file(const char *path, const void *bytes, size_t size, fseg_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return system_error(error, EEXIST, path);
    }
    fseg_replacement *file = NULL;
    fseg_status status = fseg_replacement_open(path, "", &file, error);
    if (status == FSEG_OK) {
        status = fseg_replacement_write(file, bytes, size, error);
    }
    if (status == FSEG_OK) {
        status = fseg_replacement_put(file, error);
    }
    if (status == FSEG_OK && !reads_back(path, bytes, size)) {
        status = fseg_error_set(error, FSEG_ERROR_IO,
                                "'%.300s' was written but reads back otherwise, so the former file "
                                "is kept; check the disk and try again.",
                                path);
    }
    if (status == FSEG_OK) {
        fseg_replacement_keep(file);
    } else {
        fseg_replacement_undo(file);
    }
    return status;
}

fseg_status output_write_json(const char *path, json_t *object, fseg_error *error)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(object);
    if (!text) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const size_t length = strlen(text);
    text[length] = '\n'; /* in place of the null, which the file does not need */
    const fseg_status status = output_write_file(path, text, length + 1, error);
    free(text);
    return status;
}
