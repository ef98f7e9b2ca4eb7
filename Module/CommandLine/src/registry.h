/* The models that this user's programs find, and the user's own folder of them: listing, checking,
 * installing, removing. Where models are sought is fseg_model_folder's rule and no other. */
#ifndef FRUGALSEG_REGISTRY_H
#define FRUGALSEG_REGISTRY_H

#include "frugalseg/model.h"
#include "frugalseg/model_locate.h"
#include <stdbool.h>

typedef struct registry_folder {
    char path[FSEG_PATH_LENGTH];
    fseg_model_source source;
    bool exists;
} registry_folder;

/* A model file and what a look into it showed. */
typedef struct registry_model {
    char name[256]; /* of the file, without suffix: what a user types */
    char path[FSEG_PATH_LENGTH];
    const char *source; /* "environment", "user", "shipped"; "file" for a path */
    bool used;          /* this is the one that `name` means */
    fseg_error problem; /* why it cannot be used; status FSEG_OK for a good one */
    fseg_input_spec spec;
    fseg_model_scope scope;
    size_t parameters;
    char licence[200]; /* of the card, or the name of the licence file; "" = unknown */
    char sha256[65];   /* of the file; "" when it cannot be read */
    char recorded[65]; /* what it should be, from NAME.fseg.sha256 or NAME.json; "" = no record */
} registry_model;

typedef struct registry {
    registry_folder *folders; /* in the order of search, each once */
    size_t folder_count;
    registry_model *models; /* in the order of search, within a folder by name */
    size_t model_count;
} registry;

/* Find and check all models. A model that cannot be used is in the list with its problem. */
fseg_status registry_read(registry *out, fseg_error *error);
/* The folders alone. */
fseg_status registry_read_folders(registry *out, fseg_error *error);
void registry_free(registry *list);
const char *registry_source_name(fseg_model_source source);

/* Look into the model file at `path`: the file whole, weights finite, card usable, SHA-256 as
 * recorded, card beside the file about the same model. The verdict is out->problem. */
void registry_check(const char *path, const char *source, registry_model *out);

/* `folder`/`name``suffix`, or FSEG_ERROR_INVALID_ARGUMENT when too long. */
fseg_status registry_join(char out[FSEG_PATH_LENGTH], const char *folder, const char *name,
                          const char *suffix, fseg_error *error);
/* The hash in a record as sha256sum writes it; "" when there is no such file. */
fseg_status registry_read_record(const char *path, char sha256[65], fseg_error *error);
/* The folder that belongs to the user; it need not exist. */
fseg_status registry_user_folder(char out[FSEG_PATH_LENGTH], fseg_error *error);

/* Files that belong to a model, in the order in which they are put in place: the model is last, so
 * that it is never there without its licence. */
enum { REGISTRY_LICENCE, REGISTRY_CARD, REGISTRY_RECORD, REGISTRY_WEIGHTS, REGISTRY_PARTS };
extern const char *const registry_suffixes[REGISTRY_PARTS];

/* One model about to be installed. */
typedef struct registry_plan {
    registry_model model; /* the source, checked */
    char folder[FSEG_PATH_LENGTH];
    char source_folder[FSEG_PATH_LENGTH];
    bool offered[REGISTRY_PARTS]; /* beside the source */
    bool present[REGISTRY_PARTS]; /* installed already */
    bool differs[REGISTRY_PARTS]; /* offered and present, with other content */
    bool change;                  /* anything is to be written */
    int backup;                   /* number of the backup of what is replaced; 0 = none needed */
} registry_plan;

/* Check the model at `path` and what is in its way. FSEG_ERROR_REFUSED: another model, card or
 * licence of that name is installed and `force` is false. Writes nothing. */
fseg_status registry_plan_install(const char *path, bool force, registry_plan *out,
                                  fseg_error *error);
/* Carry it out. What is replaced stays as NAME.fseg.bak-N (and so its card and licence). On failure
 * the model that was there is still there. */
fseg_status registry_install(const registry_plan *plan, fseg_error *error);

/* Remove the model `name` with its card, licence and record from the user's folder; backups stay.
 * FSEG_ERROR_REFUSED: it lies elsewhere. `path` receives where it was. */
fseg_status registry_remove(const char *name, char path[FSEG_PATH_LENGTH], fseg_error *error);

#endif
