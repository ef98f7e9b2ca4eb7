/* Image and expert mask of a labelled case, and how well a model finds the structure in it. */
#ifndef FRUGALSEG_CASE_IMAGES_H
#define FRUGALSEG_CASE_IMAGES_H

#include "cases.h"
#include "frugalseg/imaging.h"
#include "program.h"

/* Cases that were read before and stay in memory, for commands that use each one many times. Zero
 * it to begin. */
typedef struct case_cache {
    struct case_cached {
        char *image; /* path */
        int label;
        fseg_volume *volume;
        fseg_mask *truth;
    } * entries;
    size_t count;
} case_cache;
void case_cache_free(case_cache *cache);

typedef struct case_images {
    fseg_volume *volume;
    fseg_mask *truth;
    bool cached; /* they belong to the cache */
} case_images;

/* Read both; voxels of `label` become 1. `cache` may be null. A case without a label file:
 * FSEG_ERROR_BAD_INPUT. */
fseg_status case_images_read(case_cache *cache, const labelled_case *entry, int label,
                             case_images *out, fseg_error *error);
void case_images_free(case_images *images);

/* Segment the case and compare in 3D on its own grid; `seconds` (of segmenting) may be null. */
fseg_status case_measure(fseg_context *context, const fseg_model *model, case_cache *cache,
                         const labelled_case *entry, int label, const program_common *common,
                         fseg_mask_agreement *agreement, double *seconds, fseg_error *error);

#endif
