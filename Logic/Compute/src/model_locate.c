/* Finding a model file by its name. */
#include "frugalseg/model_locate.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_SUFFIX ".fseg"
#define ANCESTORS 8 /* how far above the program or library its models may lie */

typedef struct search {
    const char *name;
    const char *suffix; /* "" when the name has it already */
    char path[FSEG_PATH_LENGTH];
} search;

static int is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

/* Whether the model lies in the folder of `length` bytes at `folder`, below `sub`; then s->path. */
static int look_in(search *s, const char *folder, size_t length, const char *sub)
{
    if (length == 0 || length >= FSEG_PATH_LENGTH)
        return 0;
    const int written = snprintf(s->path, sizeof s->path, "%.*s%s/%s%s", (int)length, folder, sub,
                                 s->name, s->suffix);
    return written > 0 && (size_t)written < sizeof s->path && is_file(s->path);
}

static int look_in_list(search *s, const char *list)
{
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        if (look_in(s, list, length, ""))
            return 1;
        list += length;
        if (*list == ':')
            list++;
    }
    return 0;
}

static int look_in_user_folder(search *s)
{
    const char *data = getenv("XDG_DATA_HOME");
    if (data && *data)
        return look_in(s, data, strlen(data), "/frugalseg/models");
    const char *home = getenv("HOME");
    return home && *home && look_in(s, home, strlen(home), "/.local/share/frugalseg/models");
}

/* The folders above `binary`, the path of a program or library. */
static int look_above(search *s, const char *binary)
{
    size_t length = strlen(binary);
    for (int i = 0; i < ANCESTORS; i++) {
        while (length > 0 && binary[length - 1] != '/')
            length--;
        if (length <= 1)
            return 0;
        length--; /* the slash */
        if (look_in(s, binary, length, "/share/frugalseg/models") ||
            look_in(s, binary, length, "/Resources/Models"))
            return 1;
    }
    return 0;
}

static int look_beside_this_code(search *s)
{
    static const char anchor = 0; /* an address inside the library that holds this function */
    char real[FSEG_PATH_LENGTH];
    Dl_info info;
    if (dladdr(&anchor, &info) && info.dli_fname) {
        char *resolved = realpath(info.dli_fname, NULL);
        if (resolved) {
            const int found = look_above(s, resolved);
            free(resolved);
            if (found)
                return 1;
        }
    }
    const ssize_t length = readlink("/proc/self/exe", real, sizeof real - 1);
    if (length <= 0)
        return 0;
    real[length] = '\0';
    return look_above(s, real);
}

static fseg_status give(const char *found, char *path, size_t size, fseg_error *error)
{
    const size_t length = strlen(found);
    if (length >= size)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "The path of the model needs %zu bytes, the buffer has %zu.",
                              length + 1, size);
    memcpy(path, found, length + 1);
    return FSEG_OK;
}

fseg_status fseg_model_locate(const char *name_or_path, char *path, size_t size, fseg_error *error)
{
    if (!path || size == 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "No buffer was given for the path of the model.");
    path[0] = '\0';
    if (!name_or_path || !*name_or_path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "No model was named; give a .fseg file or the name of a model.");
    if (is_file(name_or_path))
        return give(name_or_path, path, size, error);
    if (strchr(name_or_path, '/'))
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "There is no model file \"%.300s\"; check the path.", name_or_path);

    search s = {.name = name_or_path,
                .suffix = ends_with(name_or_path, MODEL_SUFFIX) ? "" : MODEL_SUFFIX};
    if (look_in_list(&s, getenv("FRUGALSEG_MODEL_PATH")) || look_in_user_folder(&s) ||
        look_beside_this_code(&s))
        return give(s.path, path, size, error);
    return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                          "There is no model \"%.100s\": it is neither a file here nor in the "
                          "folders of FRUGALSEG_MODEL_PATH, in ~/.local/share/frugalseg/models or "
                          "among the models that came with the program.",
                          name_or_path);
}
