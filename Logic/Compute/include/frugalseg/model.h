/**
 * @file model.h
 * A model: architecture, graph of nodes, weights, card; and its file (.fseg).
 *
 * The network is the 2D U-Net with GroupNorm of docs/theory/network.md. A model owns its tensors
 * and is freed with fseg_model_free. Reading a model from several threads is safe; changing its
 * tensors or card while another thread uses it is not.
 */
#ifndef FRUGALSEG_MODEL_H
#define FRUGALSEG_MODEL_H

#include "status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FSEG_MAX_LEVELS 8
#define FSEG_NAME_LENGTH 64

typedef struct fseg_model fseg_model;

/** Architecture description, stored as JSON in the model file's metadata. */
typedef struct fseg_unet_config {
    int in_channels;             /**< 1 to 64 */
    int classes;                 /**< 2 to 64, background included */
    int levels;                  /**< 2 to 8 encoder stages, the bottleneck included */
    int widths[FSEG_MAX_LEVELS]; /**< channels of each stage, multiples of group_size, <= 1024 */
    int group_size;              /**< channels per GroupNorm group */
    float norm_epsilon;
} fseg_unet_config;

/** The reference network: 6 levels, widths 16 32 64 128 128 128, groups of 4, epsilon 1e-3. */
fseg_unet_config fseg_unet_default_config(int in_channels, int classes);

/** Height and width of the input must be multiples of this: 2^(levels-1). */
int fseg_unet_size_multiple(const fseg_unet_config *config);

/** Fresh He-normal weights, drawn from the counter-based generator with `seed`. */
fseg_status fseg_model_create(const fseg_unet_config *config, uint64_t seed, fseg_model **out,
                              fseg_error *error);
/** A deep copy. */
fseg_status fseg_model_clone(const fseg_model *model, fseg_model **out, fseg_error *error);
void fseg_model_free(fseg_model *model);
/** The architecture; belongs to the model. */
const fseg_unet_config *fseg_model_config(const fseg_model *model);

/** One weight tensor; `data` is row-major with shape[0] slowest and belongs to the model.
 *  Names follow the PyTorch convention: "enc1.conv1.weight" [out, in, kh, kw], "enc1.conv1.bias",
 *  "enc1.norm1.weight", "dec5.up.weight", "head.conv2.weight"; see docs/file-format.md. */
typedef struct fseg_tensor {
    char name[FSEG_NAME_LENGTH];
    int rank;
    size_t shape[4];
    size_t count; /**< product of shape */
    float *data;
} fseg_tensor;
/** Weights in the order of the file; tensors belong to the model, null beyond the last. */
size_t fseg_model_tensor_count(const fseg_model *model);
const fseg_tensor *fseg_model_tensor(const fseg_model *model, size_t index);
/** Null when there is no such tensor. */
const fseg_tensor *fseg_model_find(const fseg_model *model, const char *name);
/** Sum of all tensor counts: 2,095,216 for the reference network with 1 channel, 2 classes. */
size_t fseg_model_parameter_count(const fseg_model *model);

/** Operators that graph nodes use. */
typedef enum fseg_op {
    FSEG_OP_INPUT = 0,
    FSEG_OP_CONV,      /**< k x k, stride 1, "same"; k = 2 pads bottom and right, as TF does */
    FSEG_OP_NORM_RELU, /**< GroupNorm, then ReLU */
    FSEG_OP_MAX_POOL,  /**< 2 x 2, stride 2 */
    FSEG_OP_UPSAMPLE,  /**< nearest, x 2 */
    FSEG_OP_CONCAT     /**< along channels: input[0] first */
} fseg_op;

/** One node of the graph; nodes are in execution order, the last one gives the logits. */
typedef struct fseg_node {
    char name[FSEG_NAME_LENGTH];
    fseg_op op;
    int inputs[2]; /**< indices of earlier nodes; -1 = unused */
    int channels;  /**< of the output */
    int level;     /**< output size = input size / 2^level */
    int kernel;    /**< convolution only: 1, 2 or 3 */
    int weight;    /**< tensor index of the weight or GroupNorm scale; -1 = none */
    int bias;      /**< tensor index of the bias or GroupNorm shift; -1 = none */
    int groups;    /**< GroupNorm only */
} fseg_node;
/** Operators in the order of computing; nodes belong to the model, null beyond the last. */
size_t fseg_model_node_count(const fseg_model *model);
const fseg_node *fseg_model_node(const fseg_model *model, size_t index);

/**
 * Model card as JSON text (docs/file-format.md), owned by the model; "{}" when none was set.
 * Setting checks that it is a JSON object and copies it.
 */
const char *fseg_model_card(const fseg_model *model);
fseg_status fseg_model_set_card(fseg_model *model, const char *json, fseg_error *error);

/** What an image must look like for this model, and what its answer should look like. */
typedef struct fseg_input_spec {
    char name[FSEG_NAME_LENGTH];      /**< card "name", e.g. "liver-t2" */
    char version[FSEG_NAME_LENGTH];   /**< card "version" */
    char structure[FSEG_NAME_LENGTH]; /**< card "structure": "liver" or "prostate" */
    char modality[FSEG_NAME_LENGTH];  /**< card "modality": "MR" */
    double spacing_mm;                /**< in-plane spacing that the network sees */
    int context_slices;               /**< channels: the slice and its neighbours, odd */
    double percentile_low;            /**< of the foreground, mapped to 0 */
    double percentile_high;           /**< of the foreground, mapped to 1 */
    double threshold;                 /**< probability above which a voxel is foreground */
    double volume_ml_low;             /**< plausible volume; 0 = no limit */
    double volume_ml_high;
} fseg_input_spec;

/** Read the spec from the card, absent keys at their defaults (2 mm, 1 slice, 1 and 99 %, 0.5);
 *  FSEG_ERROR_FILE_FORMAT when a key has the wrong type or range. */
fseg_status fseg_model_input_spec(const fseg_model *model, fseg_input_spec *out, fseg_error *error);

#define FSEG_MAX_BODY_PARTS 8

/** For which images a model was made, and from where on its answer deserves a warning. */
typedef struct fseg_model_scope {
    char contrast[FSEG_NAME_LENGTH];    /**< card "contrast": "T2 fat-suppressed"; "" = any */
    char orientation[FSEG_NAME_LENGTH]; /**< card "orientation" of the slices: "axial", "coronal",
                                             "sagittal"; "" = any */
    char body_parts[FSEG_MAX_BODY_PARTS][FSEG_NAME_LENGTH]; /**< card "body_parts": DICOM's words */
    int body_part_count;                                    /**< 0 = any */
    double pixel_mm_low, pixel_mm_high; /**< pixel size in plane; 0 = no limit */
    double slice_mm_low, slice_mm_high; /**< distance of slices; 0 = no limit */
    double field_mm_low, field_mm_high; /**< longer side of a slice; 0 = no limit */
    double entropy_high;                /**< mean entropy in bits above which to warn */
    double island_share; /**< an island of this share of the largest one is worth a warning */
} fseg_model_scope;

/** Read the scope from the card, absent keys at "any", 0.6 bits and 0.1;
 *  FSEG_ERROR_FILE_FORMAT when a key has the wrong type or range. */
fseg_status fseg_model_read_scope(const fseg_model *model, fseg_model_scope *out,
                                  fseg_error *error);

/**
 * Load a model file. Everything is checked against the file's size before anything is allocated
 * (docs/file-format.md says in which order). On failure *out is null.
 */
fseg_status fseg_model_load(const char *path, fseg_model **out, fseg_error *error);
/** Save atomically: temporary file in the same folder, flush, fsync, rename, fsync of the folder.
 *  On failure an earlier file at `path` is unchanged and no temporary file remains. */
fseg_status fseg_model_save(const fseg_model *model, const char *path, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
