#include "case_images.h"
#include <stdlib.h>
#include <string.h>

void case_cache_free(case_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->entries[i].image);
        fseg_volume_free(cache->entries[i].volume);
        fseg_mask_free(cache->entries[i].truth);
    }
    free(cache->entries);
    memset(cache, 0, sizeof *cache);
}

static fseg_status remember(case_cache *cache, const labelled_case *entry, int label,
                            case_images *images, fseg_error *error)
{
    struct case_cached *grown = realloc(cache->entries, (cache->count + 1) * sizeof *grown);
    char *image = strdup(entry->image);
    if (grown) {
        cache->entries = grown;
    }
    if (!grown || !image) {
        free(image);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    cache->entries[cache->count++] =
        (struct case_cached){image, label, images->volume, images->truth};
    images->cached = true;
    return FSEG_OK;
}

fseg_status case_images_read(case_cache *cache, const labelled_case *entry, int label,
                             case_images *out, fseg_error *error)
{
    *out = (case_images){0};
    for (size_t i = 0; cache && i < cache->count; i++) {
        if (cache->entries[i].label == label &&
            strcmp(cache->entries[i].image, entry->image) == 0) {
            *out = (case_images){cache->entries[i].volume, cache->entries[i].truth, true};
            return FSEG_OK;
        }
    }
    if (!entry->label) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "It has no label file.");
    }
    fseg_status status = fseg_volume_read(entry->image, &out->volume, error);
    if (status == FSEG_OK) {
        status = fseg_mask_read(entry->label, label, &out->truth, error);
    }
    if (status == FSEG_OK && cache) {
        status = remember(cache, entry, label, out, error);
    }
    if (status != FSEG_OK) {
        case_images_free(out);
        if (error) { /* what a log keeps must not hold the file's name */
            char reason[sizeof error->message];
            case_hide_paths(entry, error->message, reason, sizeof reason);
            memcpy(error->message, reason, sizeof reason);
        }
    }
    return status;
}

void case_images_free(case_images *images)
{
    if (!images->cached) {
        fseg_volume_free(images->volume);
        fseg_mask_free(images->truth);
    }
    *images = (case_images){0};
}

fseg_status case_measure(fseg_context *context, const fseg_model *model, case_cache *cache,
                         const labelled_case *entry, int label, const program_common *common,
                         fseg_mask_agreement *agreement, double *seconds, fseg_error *error)
{
    case_images images;
    fseg_mask *mask = NULL;
    program_progress progress;
    program_progress_start(&progress, common, entry->shown);
    fseg_status status = case_images_read(cache, entry, label, &images, error);
    const double start = program_seconds();
    if (status == FSEG_OK) {
        status = fseg_segment_volume(context, model, images.volume, &progress.progress, &mask, NULL,
                                     error);
    }
    if (seconds) {
        *seconds = program_seconds() - start;
    }
    if (status == FSEG_OK) {
        status = fseg_mask_compare(mask, images.truth, agreement, error);
    }
    program_progress_end(&progress);
    case_images_free(&images);
    fseg_mask_free(mask);
    return status;
}
