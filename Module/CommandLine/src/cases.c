#include "cases.h"
#include "unlabelled_scan.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const suffixes[] = {".nii.gz", ".nii", ".nrrd"};

/* Length of NAME when `file` is NAME_image and a known suffix, else 0. */
static size_t image_name_length(const char *file)
{
    const size_t length = strlen(file);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char ending[32];
        const size_t size = (size_t)snprintf(ending, sizeof ending, "_image%s", suffixes[i]);
        if (length > size && strcmp(file + length - size, ending) == 0) {
            return length - size;
        }
    }
    return 0;
}

static char *label_path(const char *folder, const char *name)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s_label%s", folder, name, suffixes[i]) < 0) {
            return NULL;
        }
        if (access(path, F_OK) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}

static fseg_status add_case(case_list *list, const char *folder, const char *file, size_t length,
                            fseg_error *error)
{
    labelled_case *grown = realloc(list->cases, (list->count + 1) * sizeof *grown);
    if (!grown) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    list->cases = grown;
    labelled_case *entry = &list->cases[list->count];
    entry->name = strndup(file, length);
    if (!entry->name || asprintf(&entry->image, "%s/%s", folder, file) < 0) {
        free(entry->name);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    entry->label = label_path(folder, entry->name);
    list->count++;
    return FSEG_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const labelled_case *)a)->name, ((const labelled_case *)b)->name);
}

/* Whether a name is a word that data sets use, and at most five digits: nobody is called so. Every
 * other name may be a person's or a number of the hospital's. */
static bool is_neutral(const char *name)
{
    static const char *const words[] = {
        "case",     "subject", "sub",  "scan", "volume", "phantom", "image", "liver",
        "prostate", "chaos",   "amos", "msd",  "mr",     "test",    "train", "val"};
    size_t word = 0, digits = 0;
    while (islower((unsigned char)name[word])) {
        word++;
    }
    const char *number = name + word + (name[word] == '_' || name[word] == '-');
    while (isdigit((unsigned char)number[digits])) {
        digits++;
    }
    bool known = word <= 1; /* digits alone, or one letter and digits */
    for (size_t i = 0; i < sizeof words / sizeof *words && !known; i++) {
        known = strlen(words[i]) == word && strncmp(words[i], name, word) == 0;
    }
    return known && word + digits > 0 && digits <= 5 && number[digits] == '\0';
}

fseg_status case_list_scan(const char *folder, case_list *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    DIR *dir = opendir(folder);
    if (!dir) {
        const fseg_status status = errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_NOT_FOUND;
        return fseg_error_set(
            error, status, "The data folder '%.300s' %s; check the path given with --data.", folder,
            status == FSEG_ERROR_PERMISSION ? "may not be read" : "does not exist or is no folder");
    }
    fseg_status status = FSEG_OK;
    for (const struct dirent *entry; status == FSEG_OK && (entry = readdir(dir));) {
        const size_t length = image_name_length(entry->d_name);
        if (length > 0 && entry->d_name[0] != '.') {
            status = add_case(out, folder, entry->d_name, length, error);
        }
    }
    closedir(dir);
    if (status == FSEG_OK && out->count == 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "The data folder '%.300s' holds no files NAME_image.nii.gz; name "
                                "images and labels NAME_image.nii.gz and NAME_label.nii.gz.",
                                folder);
    }
    if (status != FSEG_OK) {
        case_list_free(out);
        return status;
    }
    qsort(out->cases, out->count, sizeof *out->cases, compare_names);
    for (size_t i = 0; i < out->count; i++) {
        labelled_case *entry = &out->cases[i];
        if (is_neutral(entry->name) && strlen(entry->name) < sizeof entry->shown) {
            strcpy(entry->shown, entry->name);
        } else {
            snprintf(entry->shown, sizeof entry->shown, "case %zu", i + 1);
        }
    }
    return FSEG_OK;
}

void case_list_free(case_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->cases[i].name);
        free(list->cases[i].image);
        free(list->cases[i].label);
    }
    free(list->cases);
    memset(list, 0, sizeof *list);
}

bool case_is_named(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; at && *at;) {
        const size_t part = strcspn(at, ",");
        if (part == length && strncmp(at, name, length) == 0) {
            return true;
        }
        at += part + (at[part] == ',');
    }
    return false;
}

bool case_is_listed(const char *names, const labelled_case *entry)
{
    return case_is_named(names, entry->name) || case_is_named(names, entry->shown);
}

fseg_status case_list_check_names(const case_list *list, const char *names, fseg_error *error)
{
    for (const char *at = names; at && *at;) {
        const size_t part = strcspn(at, ",");
        bool found = part == 0;
        for (size_t i = 0; i < list->count && !found; i++) {
            const labelled_case *entry = &list->cases[i];
            found = (strlen(entry->name) == part && strncmp(entry->name, at, part) == 0) ||
                    (strlen(entry->shown) == part && strncmp(entry->shown, at, part) == 0);
        }
        if (!found) {
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "There is no case '%.*s' in the data folder.",
                                  (int)(part < 100 ? part : 100), at);
        }
        at += part + (at[part] == ',');
    }
    return FSEG_OK;
}

void case_hide_paths(const labelled_case *entry, const char *message, char *out, size_t size)
{
    char once[512];
    unlabelled_hide_path(message, entry->image, once, sizeof once);
    if (entry->label) {
        unlabelled_hide_path(once, entry->label, out, size);
    } else {
        snprintf(out, size, "%s", once);
    }
}

fseg_status case_list_use_shown(case_list *list, fseg_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        char *copy = strdup(list->cases[i].shown);
        if (!copy) {
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        }
        free(list->cases[i].name);
        list->cases[i].name = copy;
    }
    return FSEG_OK;
}
