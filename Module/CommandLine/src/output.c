#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

fseg_status output_folder_open(const char *path, output_folder *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    out->path = strndup(path, length);
    if (!out->path || asprintf(&out->staging, "%s/.frugalseg-XXXXXX", out->path) < 0) {
        out->staging = NULL;
        output_folder_close(out);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status = make_folders(out->path, &out->created, error);
    if (status == FSEG_OK && !mkdtemp(out->staging)) {
        status = system_error(error, errno, out->path);
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

fseg_status output_folder_commit(output_folder *folder, const char *const *names, size_t count,
                                 fseg_error *error)
{
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < count && status == FSEG_OK; i++) {
        char *from = output_folder_staged(folder, names[i]);
        char *to = NULL;
        if (!from || asprintf(&to, "%s/%s", folder->path, names[i]) < 0) {
            free(from);
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        }
        if (rename(from, to) != 0) {
            status = system_error(error, errno, to);
        } else {
            folder->created = 0; /* the folder now holds results */
        }
        free(from);
        free(to);
    }
    return status;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void output_folder_close(output_folder *folder)
{
    if (folder->staging) {
        (void)nftw(folder->staging, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
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

/* All bytes to the disk; errno of the failure, else 0. */
static int write_bytes(int descriptor, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t done = write(descriptor, bytes, size < 1 << 30 ? size : 1 << 30);
        if (done < 0 && errno != EINTR) {
            return errno;
        }
        if (done > 0) {
            bytes += done;
            size -= (size_t)done;
        }
    }
    return fsync(descriptor) == 0 ? 0 : errno;
}

fseg_status output_write_file(const char *path, const void *bytes, size_t size, fseg_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return system_error(error, EEXIST, path);
    }
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp-%ld", path, (long)getpid()) < 0) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int code = descriptor >= 0 ? write_bytes(descriptor, bytes, size) : errno;
    if (descriptor >= 0) {
        if (close(descriptor) != 0 && code == 0) {
            code = errno;
        }
        if (code == 0 && rename(temporary, path) != 0) {
            code = errno;
        }
        if (code != 0) {
            (void)unlink(temporary);
        }
    }
    free(temporary);
    return code == 0 ? FSEG_OK : system_error(error, code, path);
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
