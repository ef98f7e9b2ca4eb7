/* The model as the library's own files see it. */
#ifndef FSEG_MODEL_INTERNAL_H
#define FSEG_MODEL_INTERNAL_H

#include "frugalseg/model.h"

struct fseg_model {
    fseg_unet_config config;
    fseg_tensor *tensors;
    size_t tensor_count;
    float *storage; /* one block behind all tensors' data, in tensor order */
    size_t parameter_count;
    fseg_node *nodes;
    size_t node_count;
    char *card; /* JSON text, malloc'ed, or null for "{}" */
};

/* Whether every field of the architecture is in the range that model.h documents. */
fseg_status fseg_unet_config_check(const fseg_unet_config *config, fseg_error *error);

/* A model with its graph and tensor table, all weights zero. */
fseg_status fseg_model_create_empty(const fseg_unet_config *config, fseg_model **out,
                                    fseg_error *error);

/* Number of values in all tensors of an architecture, without building it; for the loader's check
 * against the file size. The configuration must have passed fseg_unet_config_check. */
size_t fseg_unet_config_parameter_count(const fseg_unet_config *config);

#endif
