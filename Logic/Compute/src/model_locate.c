/* Finding a model file by its name, and the folders where models lie. */
#include "frugalseg/model_locate.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_SUFFIX ".fseg"
#define ANCESTORS 8 /* how far above the program or library its models may lie */

/* Called for each folder in the order of search, `length` bytes at `folder` and `sub` behind them;
 * not 0 ends the walk. */
typedef int (*folder_visitor)(void *user, const char *folder, size_t length, const char *sub,
                              fseg_model_source source);

static int is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static int walk_list(const char *list, folder_visitor visit, void *user)
{
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        if (length > 0 && visit(user, list, length, "", FSEG_MODEL_ENVIRONMENT))
            return 1;
        list += length;
        if (*list == ':')
            list++;
    }
    return 0;
}

static int walk_user_folder(folder_visitor visit, void *user)
{
    const char *data = getenv("XDG_DATA_HOME");
    if (data && *data)
        return visit(user, data, strlen(data), "/frugalseg/models", FSEG_MODEL_USER);
    const char *home = getenv("HOME");
    return home && *home &&
           visit(user, home, strlen(home), "/.local/share/frugalseg/models", FSEG_MODEL_USER);
}

/* The folders above `binary`, the path of a program or library. */
static int walk_above(const char *binary, folder_visitor visit, void *user)
{
    static const char *const subs[] = {"/share/frugalseg/models", "/Resources/Models"};
    char path[FSEG_PATH_LENGTH];
    size_t length = strlen(binary);
    for (int i = 0; i < ANCESTORS; i++) {
        while (length > 0 && binary[length - 1] != '/')
            length--;
        if (length <= 1)
            return 0;
        length--; /* the slash */
        for (size_t j = 0; j < sizeof subs / sizeof *subs; j++) {
            const int written = snprintf(path, sizeof path, "%.*s%s", (int)length, binary, subs[j]);
            if (written > 0 && (size_t)written < sizeof path && is_folder(path) &&
                visit(user, binary, length, subs[j], FSEG_MODEL_SHIPPED))
                return 1;
        }
    }
    return 0;
}

static int walk_beside_this_code(folder_visitor visit, void *user)
{
    static const char anchor = 0; /* an address inside the library that holds this function */
    char real[FSEG_PATH_LENGTH];
    Dl_info info;
    if (dladdr(&anchor, &info) && info.dli_fname) {
        char *resolved = realpath(info.dli_fname, NULL);
        if (resolved) {
            const int ended = walk_above(resolved, visit, user);
            free(resolved);
            if (ended)
                return 1;
        }
    }
    const ssize_t length = readlink("/proc/self/exe", real, sizeof real - 1);
    if (length <= 0)
        return 0;
    real[length] = '\0';
    return walk_above(real, visit, user);
}

static int walk_folders(folder_visitor visit, void *user)
{
    return walk_list(getenv("FRUGALSEG_MODEL_PATH"), visit, user) ||
           walk_user_folder(visit, user) || walk_beside_this_code(visit, user);
}

typedef struct search {
    const char *name;
    const char *suffix; /* "" when the name has it already */
    char path[FSEG_PATH_LENGTH];
} search;

/* Ends the walk at the folder that holds the model, whose path is then in s->path. */
static int look_in(void *user, const char *folder, size_t length, const char *sub,
                   fseg_model_source source)
{
    search *s = user;
    (void)source;
    if (length >= FSEG_PATH_LENGTH)
        return 0;
    const int written = snprintf(s->path, sizeof s->path, "%.*s%s/%s%s", (int)length, folder, sub,
                                 s->name, s->suffix);
    return written > 0 && (size_t)written < sizeof s->path && is_file(s->path);
}

typedef struct countdown {
    size_t left; /* folders before the wanted one */
    fseg_model_source source;
    char path[FSEG_PATH_LENGTH];
} countdown;

static int count_down(void *user, const char *folder, size_t length, const char *sub,
                      fseg_model_source source)
{
    countdown *c = user;
    if (length >= FSEG_PATH_LENGTH || c->left-- > 0)
        return 0;
    c->source = source;
    const int written = snprintf(c->path, sizeof c->path, "%.*s%s", (int)length, folder, sub);
    return written > 0 && (size_t)written < sizeof c->path;
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
    if (walk_folders(look_in, &s))
        return give(s.path, path, size, error);
    return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                          "There is no model \"%.100s\": it is neither a file here nor in the "
                          "folders of FRUGALSEG_MODEL_PATH, in ~/.local/share/frugalseg/models or "
                          "among the models that came with the program.",
                          name_or_path);
}

fseg_status fseg_model_folder(size_t index, char *path, size_t size, fseg_model_source *source,
                              fseg_error *error)
{
    if (!path || size == 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "No buffer was given for the path of the folder.");
    path[0] = '\0';
    countdown c = {.left = index};
    if (!walk_folders(count_down, &c))
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "There are fewer than %zu folders of models.", index + 1);
    if (source)
        *source = c.source;
    return give(c.path, path, size, error);
}
