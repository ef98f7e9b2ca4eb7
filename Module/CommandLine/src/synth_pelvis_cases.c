#include "synth_pelvis_cases.h"
#include "cases.h"
#include "frugalseg/random.h"
#include "phantom_volume.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

fseg_status pelvis_map_read(const char *path, fseg_mask **mask, fseg_pelvis_map *map,
                            fseg_error *error)
{
    fseg_status status = fseg_mask_read(path, -1, mask, error);
    if (status != FSEG_OK) {
        return status;
    }
    const fseg_geometry *geometry = &(*mask)->geometry;
    for (int axis = 0; axis < 3; axis++) {
        if (geometry->size[axis] > 2048) {
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map has %zu voxels along one axis; at most 2048 are "
                                  "possible",
                                  geometry->size[axis]);
        }
        map->size[axis] = (int)geometry->size[axis];
    }
    memcpy(map->ijk_to_lps, geometry->ijk_to_lps, sizeof map->ijk_to_lps);
    map->labels = (*mask)->voxels;
    fseg_error reason = {0};
    status = fseg_pelvis_map_check(map, &reason);
    if (status != FSEG_OK) {
        const char *name = strrchr(path, '/');
        return fseg_error_set(error, status, "'%.100s': %.380s.", name ? name + 1 : path,
                              reason.message);
    }
    return FSEG_OK;
}

typedef struct pelvic_scene {
    const fseg_pelvis *pelvis;
    fseg_context *context;
    const fseg_pelvis_scan *scan;
    const fseg_progress *progress;
} pelvic_scene;

static fseg_status render_pelvis(const void *scene, float *image, uint8_t *labels,
                                 fseg_error *error)
{
    const pelvic_scene *s = scene;
    return fseg_pelvis_render(s->pelvis, s->context, s->scan, image, labels, s->progress, error);
}

fseg_status pelvis_volume_create(const fseg_pelvis *pelvis, fseg_context *context,
                                 const fseg_pelvis_scan *scan, const fseg_progress *progress,
                                 fseg_volume **volume, fseg_mask **labels, fseg_error *error)
{
    fseg_geometry geometry;
    memset(&geometry, 0, sizeof geometry);
    geometry.size[0] = (size_t)scan->columns;
    geometry.size[1] = (size_t)scan->rows;
    geometry.size[2] = (size_t)scan->slices;
    memcpy(geometry.ijk_to_lps, scan->ijk_to_lps, sizeof geometry.ijk_to_lps);
    const pelvic_scene scene = {pelvis, context, scan, progress};
    return phantom_volume_render(&geometry, render_pelvis, &scene, volume, labels, error);
}

/* The label maps of a folder, in order of their names. */
typedef struct map_list {
    char **paths;
    size_t count;
} map_list;

static void map_list_free(map_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->paths[i]);
    }
    free(list->paths);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_map_file(const char *name)
{
    static const char *const suffixes[] = {".nii.gz", ".nii", ".nrrd"};
    for (size_t i = 0; name[0] != '.' && i < sizeof suffixes / sizeof *suffixes; i++) {
        const size_t size = strlen(suffixes[i]), length = strlen(name);
        if (length > size && strcmp(name + length - size, suffixes[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* prostate_04_label.nii.gz is named by "prostate_04". */
static bool is_named(const char *list, const char *file)
{
    char name[256];
    snprintf(name, sizeof name, "%s", file);
    char *dot = strchr(name, '.');
    if (dot) {
        *dot = 0;
    }
    const size_t length = strlen(name);
    if (length > 6 && strcmp(name + length - 6, "_label") == 0) {
        name[length - 6] = 0;
    }
    return case_is_named(list, name);
}

static fseg_status map_list_scan(const pelvis_request *request, map_list *out, fseg_error *error)
{
    DIR *dir = opendir(request->maps);
    if (!dir) {
        return fseg_error_set(error, errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_NOT_FOUND,
                              "The folder of label maps '%.300s' cannot be read; check the path "
                              "given with --maps.",
                              request->maps);
    }
    fseg_status status = FSEG_OK;
    for (const struct dirent *entry; status == FSEG_OK && (entry = readdir(dir));) {
        if (!is_map_file(entry->d_name) || is_named(request->exclude_maps, entry->d_name) ||
            (request->only_maps && !is_named(request->only_maps, entry->d_name))) {
            continue;
        }
        char **grown = realloc(out->paths, (out->count + 1) * sizeof *grown);
        if (grown) {
            out->paths = grown;
        }
        if (!grown ||
            asprintf(&out->paths[out->count], "%s/%s", request->maps, entry->d_name) < 0) {
            status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        } else {
            out->count++;
        }
    }
    (void)closedir(dir);
    if (status == FSEG_OK && out->count == 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "The folder '%.300s' holds no label map that was asked for "
                                "(.nii.gz, .nii, .nrrd).",
                                request->maps);
    }
    if (out->count > 0) {
        qsort(out->paths, out->count, sizeof *out->paths, compare_paths);
    }
    return status;
}

static fseg_status write_case(const pelvis_request *request, const map_list *maps, int index,
                              const char *image, const char *label, fseg_context *context,
                              fseg_error *error)
{
    /* Far from the seeds 1, 2, 3 of single scans. */
    const uint64_t seed = request->seed * 1000003u + 700000u + (uint64_t)index;
    fseg_random random = fseg_random_create(seed, 78);
    const bool parametric =
        maps->count == 0 || fseg_random_uniform(&random) < (float)request->parametric_share;
    fseg_mask *mask = NULL, *labels = NULL;
    fseg_volume *volume = NULL;
    fseg_pelvis *pelvis = NULL;
    fseg_pelvis_map map = {0};
    fseg_status status = FSEG_OK;
    if (!parametric) {
        const size_t which = fseg_random_below(&random, (uint32_t)maps->count);
        status = pelvis_map_read(maps->paths[which], &mask, &map, error);
    }
    if (status == FSEG_OK) {
        status = fseg_pelvis_create(seed, parametric ? NULL : &map, request->map_variation, &pelvis,
                                    error);
    }
    if (status == FSEG_OK) {
        fseg_pelvis_scan scan = fseg_pelvis_random_scan(seed);
        scan.whole_gland = request->whole_gland;
        status = pelvis_volume_create(pelvis, context, &scan, NULL, &volume, &labels, error);
    }
    /* The image last: a case without an image is not listed. */
    if (status == FSEG_OK) {
        status = fseg_mask_write(labels, label, error);
    }
    if (status == FSEG_OK) {
        status = fseg_volume_write(volume, image, error);
    }
    fseg_pelvis_free(pelvis);
    fseg_mask_free(mask);
    fseg_mask_free(labels);
    fseg_volume_free(volume);
    return status;
}

static fseg_status make_folder(const char *folder, fseg_error *error)
{
    if (mkdir(folder, 0777) == 0 || errno == EEXIST) {
        return FSEG_OK;
    }
    return fseg_error_set(error, errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_IO,
                          "The folder '%.300s' cannot be made; check the folder it lies in.",
                          folder);
}

fseg_status pelvis_cases_write(const pelvis_request *request, const char *folder, int count,
                               fseg_context *context, fseg_error *error)
{
    map_list maps = {0};
    fseg_status status = request->maps ? map_list_scan(request, &maps, error) : FSEG_OK;
    if (status == FSEG_OK) {
        status = make_folder(folder, error);
    }
    program_progress progress;
    program_progress_start(&progress, request->common, "phantoms");
    for (int i = 0; i < count && status == FSEG_OK; i++) {
        char *image = NULL, *label = NULL;
        if (asprintf(&image, "%s/pelvis_%04d_image.nii.gz", folder, i + 1) < 0 ||
            asprintf(&label, "%s/pelvis_%04d_label.nii.gz", folder, i + 1) < 0) {
            free(image);
            status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
            break;
        }
        if (access(image, F_OK) != 0 || access(label, F_OK) != 0) {
            status = write_case(request, &maps, i, image, label, context, error);
        }
        free(image);
        free(label);
        if (status == FSEG_OK) {
            status = fseg_progress_report(&progress.progress, (double)(i + 1) / count, "phantoms");
        }
    }
    program_progress_end(&progress);
    if (status == FSEG_ERROR_CANCELLED) {
        status = fseg_error_set(error, status, "Interrupted.");
    }
    map_list_free(&maps);
    return status;
}
