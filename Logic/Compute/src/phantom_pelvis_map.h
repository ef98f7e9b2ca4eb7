/**
 * @file phantom_pelvis_map.h
 * Internal: what a given label map of a prostate holds.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_PELVIS_MAP_H
#define FRUGALSEG_SRC_PHANTOM_PELVIS_MAP_H

#include "frugalseg/phantom_pelvis.h"

#include <stddef.h>

typedef struct fseg_map_facts {
    size_t voxels[3];             /* of each label */
    double zone[3][3], centre[3]; /* middles in the patient, mm */
    double spacing[3], voxel_ml;
    int low[3], high[3]; /* first and last voxel of the gland along each axis */
} fseg_map_facts;

/** Fails for labels beyond 2 and for an empty map. */
fseg_status fseg_map_measure(const fseg_pelvis_map *map, fseg_map_facts *facts, fseg_error *error);
/** Direction and length (returned) of one axis of the map; `unit` may be null. */
double fseg_map_column(const fseg_pelvis_map *map, int axis, double unit[3]);

#endif
