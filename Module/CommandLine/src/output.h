/* Result folders: everything is written into a hidden folder first and moved in place when all of
 * it is complete, so that a failure leaves nothing half-written. What is to be moved stands in a
 * journal first: when the process is killed between two moves, the next output_folder_open of the
 * same folder does the others, and removes what killed processes did not finish. Folders of living
 * processes are locked (flock) and left alone. */
#ifndef FRUGALSEG_OUTPUT_H
#define FRUGALSEG_OUTPUT_H

#include "frugalseg/status.h"
#include <jansson.h>
#include <stdbool.h>

typedef struct output_folder {
    char *path;
    char *staging;     /* hidden folder inside `path` */
    int created;       /* leading folders of `path` that were made here */
    int held;          /* descriptor of the lock and 1; 0: none */
    const char *stale; /* a file of `path` that goes when the results come, or null */
} output_folder;

fseg_status output_folder_open(const char *path, output_folder *out, fseg_error *error);
/* Path of a result `name` while it is written; malloc'ed, null when out of memory. */
char *output_folder_staged(const output_folder *folder, const char *name);
/* Move the named results into place, in this order. A folder is moved only where none is. */
fseg_status output_folder_commit(output_folder *folder, const char *const *names, size_t count,
                                 fseg_error *error);
/* Remove what was not committed, and folders made for it. */
void output_folder_close(output_folder *folder);

/* Write a whole file atomically (frugalseg/replacement.h) and read it back before the former one
 * goes. */
fseg_status output_write_file(const char *path, const void *bytes, size_t size, fseg_error *error);
/* Write `object` (released) as a JSON file. */
fseg_status output_write_json(const char *path, json_t *object, fseg_error *error);

#endif
