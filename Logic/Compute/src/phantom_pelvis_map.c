/**
 * @file phantom_pelvis_map.c
 * Whether a label map can be a prostate, said in one sentence when it cannot.
 */
#include "phantom_pelvis_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A grown man's gland: 20 to 30 ml when healthy; the largest reported enlarged ones exceed 300. */
static const double smallest_ml = 8.0, largest_ml = 400.0;
static const double longest_mm = 130.0, shortest_mm = 15.0, thickest_mm = 6.0;

double fseg_map_column(const fseg_pelvis_map *map, int axis, double unit[3])
{
    double square = 0.0;
    for (int d = 0; d < 3; ++d)
        square += map->ijk_to_lps[d][axis] * map->ijk_to_lps[d][axis];
    const double length = sqrt(square);
    for (int d = 0; unit && d < 3; ++d)
        unit[d] = map->ijk_to_lps[d][axis] / length;
    return length;
}

static fseg_status check_grid(const fseg_pelvis_map *map, fseg_error *error)
{
    double unit[3][3], spacing[3];
    for (int d = 0; d < 3; ++d) {
        if (map->size[d] < 3 || map->size[d] > 2048)
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map has %d voxels along one axis; a prostate needs "
                                  "at least 3 slices and at most 2048 voxels",
                                  map->size[d]);
        for (int e = 0; e < 4; ++e)
            if (!isfinite(map->ijk_to_lps[d][e]))
                return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                      "the label map's place in the patient is not finite; write "
                                      "it again with a valid affine");
        spacing[d] = fseg_map_column(map, d, unit[d]);
        if (!(spacing[d] >= 0.1))
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map's voxels are %.3g mm wide; a spacing of 0.1 mm "
                                  "or more is needed",
                                  spacing[d]);
        if (spacing[d] > thickest_mm)
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map's slices are %.1f mm apart: too far to join the "
                                  "gland between them; use one with at most %.0f mm",
                                  spacing[d], thickest_mm);
    }
    int thick = 0;
    for (int d = 1; d < 3; ++d)
        thick = spacing[d] > spacing[thick] ? d : thick;
    const double a = spacing[(thick + 1) % 3], b = spacing[(thick + 2) % 3];
    if (fmax(a, b) > 2.0 || fmax(a, b) > 1.5 * fmin(a, b))
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "the label map's pixels measure %.2f x %.2f mm; only the slices may "
                              "be thick: resample it to square pixels of at most 2 mm",
                              a, b);
    for (int d = 0; d < 3; ++d) {
        const int e = (d + 1) % 3;
        const double dot =
            unit[d][0] * unit[e][0] + unit[d][1] * unit[e][1] + unit[d][2] * unit[e][2];
        if (fabs(dot) > 0.01)
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map's axes are not at right angles; resample it to "
                                  "an ordinary grid");
    }
    return FSEG_OK;
}

static void place(const fseg_pelvis_map *map, double i, double j, double k, double out[3])
{
    for (int d = 0; d < 3; ++d)
        out[d] = map->ijk_to_lps[d][0] * i + map->ijk_to_lps[d][1] * j + map->ijk_to_lps[d][2] * k +
                 map->ijk_to_lps[d][3];
}

fseg_status fseg_map_measure(const fseg_pelvis_map *map, fseg_map_facts *facts, fseg_error *error)
{
    memset(facts, 0, sizeof *facts);
    double sum[3][3] = {{0.0}};
    for (int d = 0; d < 3; ++d) {
        facts->low[d] = map->size[d];
        facts->high[d] = -1;
    }
    const uint8_t *voxel = map->labels;
    for (int k = 0; k < map->size[2]; ++k)
        for (int j = 0; j < map->size[1]; ++j)
            for (int i = 0; i < map->size[0]; ++i) {
                const uint8_t label = *voxel++;
                if (label == 0)
                    continue;
                if (label > 2)
                    return fseg_error_set(
                        error, FSEG_ERROR_BAD_INPUT,
                        "the label map has the label %u; a prostate has 1 (peripheral zone) and 2 "
                        "(transition zone), or 1 alone (whole gland). This may be another organ",
                        (unsigned)label);
                const int at[3] = {i, j, k};
                double lps[3];
                place(map, i, j, k, lps);
                ++facts->voxels[label];
                for (int d = 0; d < 3; ++d) {
                    sum[label][d] += lps[d];
                    facts->low[d] = at[d] < facts->low[d] ? at[d] : facts->low[d];
                    facts->high[d] = at[d] > facts->high[d] ? at[d] : facts->high[d];
                }
            }
    const size_t all = facts->voxels[1] + facts->voxels[2];
    if (all == 0)
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "the label map is empty: it holds no gland to place");
    for (int d = 0; d < 3; ++d) {
        facts->centre[d] = (sum[1][d] + sum[2][d]) / (double)all;
        for (int label = 1; label <= 2; ++label)
            facts->zone[label][d] =
                facts->voxels[label] ? sum[label][d] / (double)facts->voxels[label] : 0.0;
        facts->spacing[d] = fseg_map_column(map, d, NULL);
    }
    facts->voxel_ml = facts->spacing[0] * facts->spacing[1] * facts->spacing[2] / 1000.0;
    return FSEG_OK;
}

static fseg_status check_gland(const fseg_pelvis_map *map, const fseg_map_facts *facts,
                               fseg_error *error)
{
    const double ml = facts->voxel_ml * (double)(facts->voxels[1] + facts->voxels[2]);
    if (ml < smallest_ml || ml > largest_ml)
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "the label map's gland measures %.1f ml; a prostate has %.0f to "
                              "%.0f ml. This may be another organ, or the spacing is wrong",
                              ml, smallest_ml, largest_ml);
    for (int d = 0; d < 3; ++d) {
        const double extent = facts->spacing[d] * (facts->high[d] - facts->low[d] + 1);
        if (extent < shortest_mm || extent > longest_mm)
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map's gland is %.0f mm long along one axis; a "
                                  "prostate has %.0f to %.0f mm. This may be another organ, or "
                                  "lie in several pieces",
                                  extent, shortest_mm, longest_mm);
        double unit[3];
        fseg_map_column(map, d, unit);
        const int through = fabs(unit[2]) > 0.7;
        if (!through && (facts->low[d] == 0 || facts->high[d] == map->size[d] - 1))
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "the label map's gland touches the border of the map in the "
                                  "slice plane: it is cut off; use a map that holds it whole");
    }
    /* The peripheral zone lies behind the transition zone (McNeal, Am J Surg Pathol 1988). */
    if (facts->voxels[1] && facts->voxels[2]) {
        const double behind = facts->zone[1][1] - facts->zone[2][1];
        const double beside = fabs(facts->zone[1][0] - facts->zone[2][0]);
        const double above = facts->zone[1][2] - facts->zone[2][2];
        if (behind < 2.0 || behind < beside || above > 6.0)
            return fseg_error_set(
                error, FSEG_ERROR_BAD_INPUT,
                "the label map's peripheral zone (1) lies %.0f mm behind, %.0f mm beside and %.0f "
                "mm above the transition zone (2), where it should lie behind and not above it: "
                "the orientation is wrong, the labels are swapped, or this is another organ",
                behind, beside, above);
    }
    return FSEG_OK;
}

/* Share of the foreground in its largest piece (6-neighbours). */
static fseg_status largest_share(const fseg_pelvis_map *map, const fseg_map_facts *facts,
                                 double *share)
{
    int n[3];
    for (int d = 0; d < 3; ++d)
        n[d] = facts->high[d] - facts->low[d] + 1;
    const size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    uint8_t *open = malloc(count);
    uint32_t *stack = malloc(count * sizeof *stack);
    if (!open || !stack) {
        free(open);
        free(stack);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    size_t at = 0, total = 0, most = 0;
    for (int k = 0; k < n[2]; ++k)
        for (int j = 0; j < n[1]; ++j)
            for (int i = 0; i < n[0]; ++i) {
                const size_t row = (size_t)(k + facts->low[2]) * (size_t)map->size[1] +
                                   (size_t)(j + facts->low[1]);
                open[at] = map->labels[row * (size_t)map->size[0] + (size_t)(i + facts->low[0])];
                total += open[at++] != 0;
            }
    const size_t step[3] = {1, (size_t)n[0], (size_t)n[0] * (size_t)n[1]};
    for (size_t start = 0; start < count; ++start) {
        if (!open[start])
            continue;
        size_t top = 0, piece = 0;
        stack[top++] = (uint32_t)start;
        open[start] = 0;
        while (top > 0) {
            const size_t v = stack[--top];
            ++piece;
            for (int d = 0; d < 3; ++d) {
                const size_t place_on_axis = v / step[d] % (size_t)n[d];
                if (place_on_axis > 0 && open[v - step[d]]) {
                    open[v - step[d]] = 0;
                    stack[top++] = (uint32_t)(v - step[d]);
                }
                if (place_on_axis + 1 < (size_t)n[d] && open[v + step[d]]) {
                    open[v + step[d]] = 0;
                    stack[top++] = (uint32_t)(v + step[d]);
                }
            }
        }
        most = piece > most ? piece : most;
    }
    *share = (double)most / (double)total;
    free(open);
    free(stack);
    return FSEG_OK;
}

fseg_status fseg_pelvis_map_check(const fseg_pelvis_map *map, fseg_error *error)
{
    if (!map || !map->labels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no label map given");
    fseg_map_facts facts;
    fseg_status status = check_grid(map, error);
    if (status == FSEG_OK)
        status = fseg_map_measure(map, &facts, error);
    if (status == FSEG_OK)
        status = check_gland(map, &facts, error);
    double share = 1.0;
    if (status == FSEG_OK && largest_share(map, &facts, &share) != FSEG_OK)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory to check the label map");
    if (status == FSEG_OK && share < 0.95)
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "the label map's foreground lies in several pieces (the largest has "
                              "%.0f %% of it); a prostate is one",
                              100.0 * share);
    return status;
}
