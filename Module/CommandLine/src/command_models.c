/* frugalseg models: the models that are found; check, install and remove them. */
#include "frugalseg/imaging.h"
#include "input.h"
#include "program.h"
#include "registry.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *model_json(const registry_model *model)
{
    const bool good = model->problem.status == FSEG_OK;
    return json_pack(
        "{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "name",
        model->name, "path", model->path, "source", model->source, "used", model->used, "ok", good,
        "version", text_or_null(model->spec.version), "structure",
        text_or_null(model->spec.structure), "modality", text_or_null(model->spec.modality),
        "contrast", text_or_null(model->scope.contrast), "licence", text_or_null(model->licence),
        "parameters", (json_int_t)model->parameters, "sha256", text_or_null(model->sha256),
        "recorded_sha256", text_or_null(model->recorded), "problem",
        good ? json_null()
             : json_pack("{s:s, s:s}", "status", program_status_key(model->problem.status),
                         "message", model->problem.message));
}

/* ---- list ---- */

static void print_model(const registry_model *model)
{
    printf("%s%s%s  (%s%s)\n", model->name, model->spec.version[0] ? " " : "", model->spec.version,
           model->source, model->used ? "" : "; hidden by the one of this name above");
    if (model->problem.status != FSEG_OK) {
        printf("  problem   %s\n  file      %s\n", model->problem.message, model->path);
        return;
    }
    printf("  for       %s; %s%s%s\n  licence   %s\n  sha256    %s\n  file      %s\n",
           model->spec.structure[0] ? model->spec.structure : "no structure",
           model->spec.modality[0] ? model->spec.modality : "any modality",
           model->scope.contrast[0] ? " " : "", model->scope.contrast,
           model->licence[0] ? model->licence : "unknown", model->sha256, model->path);
}

static int list_models(const program_common *common)
{
    registry list;
    fseg_error error = {0};
    if (registry_read(&list, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    int code = EXIT_OK;
    if (common->json) {
        json_t *folders = json_array(), *models = json_array();
        for (size_t i = 0; i < list.folder_count; i++) {
            const registry_folder *folder = &list.folders[i];
            json_array_append_new(folders, json_pack("{s:s, s:s, s:b}", "path", folder->path,
                                                     "source", registry_source_name(folder->source),
                                                     "exists", folder->exists));
        }
        for (size_t i = 0; i < list.model_count; i++) {
            json_array_append_new(models, model_json(&list.models[i]));
        }
        code = program_print_json(json_pack("{s:s, s:o, s:o}", "notice", PROGRAM_NOTICE, "folders",
                                            folders, "models", models));
    } else {
        for (size_t i = 0; i < list.model_count; i++) {
            print_model(&list.models[i]);
        }
        printf("%sSought in this order:\n", list.model_count > 0 ? "\n" : "There is no model.\n");
        for (size_t i = 0; i < list.folder_count; i++) {
            const registry_folder *folder = &list.folders[i];
            printf("  %-12s %s%s\n", registry_source_name(folder->source), folder->path,
                   folder->exists ? "" : " (not there yet)");
        }
        printf(PROGRAM_NOTICE "\n");
    }
    registry_free(&list);
    return code;
}

/* ---- verify ---- */

static int show_verdicts(const program_common *common, const registry_model *models, size_t count)
{
    json_t *array = json_array();
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        const registry_model *model = &models[i];
        const bool good = model->problem.status == FSEG_OK;
        failed += !good;
        if (common->json) {
            json_array_append_new(array, model_json(model));
        } else if (good) {
            printf("ok        %s  %.16s...%s  %s\n", model->name, model->sha256,
                   model->recorded[0] ? " as recorded" : ", no record to compare with",
                   model->path);
        } else {
            printf("unusable  %s  %s\n", model->name, model->path);
            fprintf(stderr, "frugalseg: %s: %s\n", model->name, model->problem.message);
        }
    }
    int code = failed > 0 ? EXIT_BAD_INPUT : EXIT_OK;
    if (common->json) {
        const int printed =
            program_print_json(json_pack("{s:s, s:o, s:I}", "notice", PROGRAM_NOTICE, "models",
                                         array, "failed", (json_int_t)failed));
        code = code == EXIT_OK ? printed : code;
    } else {
        json_decref(array);
    }
    return code;
}

static int verify_one(const program_common *common, const char *name)
{
    char path[FSEG_PATH_LENGTH];
    fseg_error error = {0};
    if (fseg_model_locate(name, path, sizeof path, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    /* From where, if it is one of the folders; a path stands for itself. */
    registry list;
    if (registry_read_folders(&list, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const char *source = "file";
    for (size_t i = list.folder_count; i-- > 0;) {
        const size_t length = strlen(list.folders[i].path);
        if (strncmp(path, list.folders[i].path, length) == 0 && path[length] == '/' &&
            !strchr(path + length + 1, '/')) {
            source = registry_source_name(list.folders[i].source);
        }
    }
    registry_free(&list);
    registry_model model;
    registry_check(path, source, &model);
    model.used = true;
    return show_verdicts(common, &model, 1);
}

static int verify_models(const program_common *common, const char *name)
{
    if (name) {
        return verify_one(common, name);
    }
    registry list;
    fseg_error error = {0};
    if (registry_read(&list, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const int code =
        list.model_count > 0
            ? show_verdicts(common, list.models, list.model_count)
            : program_fail(common, FSEG_ERROR_NOT_FOUND,
                           "There is no model to verify; 'frugalseg models list' shows where "
                           "models are sought.");
    registry_free(&list);
    return code;
}

/* ---- install ---- */

typedef struct plans {
    registry_plan *items;
    size_t count;
} plans;

static fseg_status add_plan(plans *all, const char *path, bool force, fseg_error *error)
{
    registry_plan *more = realloc(all->items, (all->count + 1) * sizeof *all->items);
    if (!more) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    all->items = more;
    return registry_plan_install(path, force, &all->items[all->count++], error);
}

static int is_model(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".fseg") == 0;
}

/* Every model of a folder, or the one file. Nothing is written before all are found good. */
static fseg_status plan_all(const char *path, bool force, plans *all, fseg_error *error)
{
    if (access(path, F_OK) != 0) {
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "There is no file or folder '%.300s' to install; check the path.",
                              path);
    }
    if (!input_is_folder(path)) {
        return add_plan(all, path, force, error);
    }
    struct dirent **names = NULL;
    const int count = scandir(path, &names, is_model, alphasort);
    fseg_status status = FSEG_OK;
    if (count < 0) {
        status = fseg_error_set(error, FSEG_ERROR_PERMISSION,
                                "The folder '%.300s' cannot be read; check its permissions.", path);
    } else if (count == 0) {
        status = fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                                "There is no model (.fseg) in the folder '%.300s'.", path);
    }
    for (int i = 0; i < count; i++) {
        char file[FSEG_PATH_LENGTH];
        if (status == FSEG_OK) {
            status = registry_join(file, path, names[i]->d_name, "", error);
        }
        if (status == FSEG_OK) {
            status = add_plan(all, file, force, error);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

/* Another model that the name meant before, or still means. */
static void warn_of_others(const registry_plan *plan)
{
    registry list;
    bool before = true;
    if (registry_read_folders(&list, NULL) != FSEG_OK) {
        return;
    }
    for (size_t i = 0; i < list.folder_count; i++) {
        char path[FSEG_PATH_LENGTH], sha256[65];
        if (strcmp(list.folders[i].path, plan->folder) == 0) {
            before = false;
        } else if (registry_join(path, list.folders[i].path, plan->model.name, ".fseg", NULL) ==
                       FSEG_OK &&
                   fseg_file_sha256(path, sha256, NULL) == FSEG_OK &&
                   strcmp(sha256, plan->model.sha256) != 0) {
            program_warn(before ? "'%s' still means another model, in '%s', which is sought first."
                                : "'%s' now means the installed model, no longer the one in '%s'.",
                         plan->model.name, list.folders[i].path);
            break;
        }
    }
    registry_free(&list);
}

static json_t *plan_json(const registry_plan *plan)
{
    char path[FSEG_PATH_LENGTH], backup[FSEG_PATH_LENGTH] = "", suffix[32];
    registry_join(path, plan->folder, plan->model.name, ".fseg", NULL);
    if (plan->differs[REGISTRY_WEIGHTS]) {
        snprintf(suffix, sizeof suffix, ".fseg.bak-%d", plan->backup);
        registry_join(backup, plan->folder, plan->model.name, suffix, NULL);
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", plan->model.name, "path", path, "sha256",
                     plan->model.sha256, "changed", plan->change, "backup", text_or_null(backup));
}

static void print_plan(const registry_plan *plan)
{
    if (!plan->change) {
        printf("%s is installed already in %s\n", plan->model.name, plan->folder);
        return;
    }
    printf("%s installed in %s\n", plan->model.name, plan->folder);
    if (plan->backup > 0) {
        printf("  what was replaced is there as %s.*.bak-%d\n", plan->model.name, plan->backup);
    }
    if (!plan->model.licence[0]) {
        printf("  its licence is unknown: neither its card nor a file beside it names one\n");
    }
}

static int install_models(const program_common *common, const char *path, bool force)
{
    plans all = {NULL, 0};
    fseg_error error = {0};
    fseg_status status = plan_all(path, force, &all, &error);
    for (size_t i = 0; i < all.count && status == FSEG_OK; i++) {
        status = registry_install(&all.items[i], &error);
    }
    int code = EXIT_OK;
    if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else {
        json_t *installed = json_array();
        for (size_t i = 0; i < all.count; i++) {
            json_array_append_new(installed, plan_json(&all.items[i]));
            if (!common->json) {
                print_plan(&all.items[i]);
            }
            if (all.items[i].change) {
                warn_of_others(&all.items[i]);
            }
        }
        if (common->json) {
            code = program_print_json(
                json_pack("{s:s, s:o}", "notice", PROGRAM_NOTICE, "installed", installed));
        } else {
            json_decref(installed);
        }
    }
    free(all.items);
    return code;
}

/* ---- remove ---- */

static int remove_model(const program_common *common, const char *name)
{
    char path[FSEG_PATH_LENGTH];
    fseg_error error = {0};
    if (registry_remove(name, path, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    if (common->json) {
        return program_print_json(json_pack("{s:s}", "removed", path));
    }
    printf("%s removed\n", path);
    return EXIT_OK;
}

static int run_models(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    bool force = false;
    int operand = 0;
    const program_option options[] = {
        {"force", OPTION_FLAG, &force, 0, 0, NULL,
         "install: replace another model of the same name; it is kept as a backup"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 2,
                                              argc, argv, &common, &operand);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    const char *action = operand < argc ? argv[operand] : "";
    const char *what = operand + 1 < argc ? argv[operand + 1] : NULL;
    const bool install = strcmp(action, "install") == 0;
    if (force && !install) {
        return program_usage(self, &common, "--force belongs to install.");
    }
    if (strcmp(action, "list") == 0) {
        return what ? program_usage(self, &common, "'%.60s' is not expected here.", what)
                    : list_models(&common);
    }
    if (strcmp(action, "verify") == 0) {
        return verify_models(&common, what);
    }
    if (install) {
        return what ? install_models(&common, what, force)
                    : program_usage(self, &common, "install needs a model file or a folder.");
    }
    if (strcmp(action, "remove") == 0) {
        return what ? remove_model(&common, what)
                    : program_usage(self, &common, "remove needs the name of a model.");
    }
    return program_usage(self, &common, "models needs list, verify, install or remove.");
}

const program_command command_models = {
    "models",
    "list, verify, install or remove models",
    "list | verify [MODEL] | install FILE|FOLDER [--force] | remove NAME",
    "list     every model that is found, and where models are sought\n"
    "verify   loads each model or the one given: file whole, weights finite, card usable, SHA-256 "
    "as\n"
    "         recorded in NAME.fseg.sha256 or NAME.json beside it; exit code 3 if one is not\n"
    "install  checks a model, or all models of a folder, then copies it with its card (NAME.json) "
    "and\n"
    "         licence (NAME.LICENSE.txt) into your folder of models and records its SHA-256\n"
    "remove   takes a model out of your folder; models elsewhere are not touched",
    "  frugalseg models list\n"
    "  frugalseg models verify liver-t2\n"
    "  frugalseg models install downloads/mine.fseg",
    run_models,
};
