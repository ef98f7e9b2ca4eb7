/**
 * @file pretrainer.h
 * Pretraining of a model on unlabelled slices: restoring corrupted images, contrast, or both.
 *
 * The pretrainer updates encoder and, where the loss reaches it, decoder of a model; its heads are
 * its own and never part of the model, so saving the model saves what fine-tuning needs
 * (fseg_model_transfer). Batches come from a sampler (unlabelled subjects suffice); batch,
 * corruption and update of step s depend on the options' and the sampler's seeds and on s only.
 * Same seeds, same bytes, for any number of threads. Equations, sources and what differs from them:
 * docs/theory/pretraining.md. Defaults marked [I] are ours, not a paper's.
 */
#ifndef FRUGALSEG_PRETRAINER_H
#define FRUGALSEG_PRETRAINER_H

#include "contrast.h"
#include "corrupt.h"
#include "model.h"
#include "regression.h"
#include "sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_pretrainer fseg_pretrainer;

typedef enum fseg_pretrain_loss {
    FSEG_PRETRAIN_REGRESSION = 1,
    FSEG_PRETRAIN_CONTRASTIVE = 2,
    FSEG_PRETRAIN_BOTH = 3 /**< regression + contrast_weight * contrast, on separate batches */
} fseg_pretrain_loss;

/** Who is contrasted with whom; the pairs are those of contrast.h. */
typedef enum fseg_contrast_variant {
    FSEG_VARIANT_SIMCLR = 0,      /**< two augmented views of slices from anywhere; encoder */
    FSEG_VARIANT_PARTITION,       /**< G^{D-}: original and two augmented views; encoder */
    FSEG_VARIANT_PARTITION_PAIRS, /**< G^D: two draws, original and augmented; encoder */
    FSEG_VARIANT_POSITION,        /**< PCL: two views, positives by position; encoder */
    FSEG_VARIANT_LOCAL,           /**< L^R: regions of decoder features, intensity views */
    FSEG_VARIANT_CONSTRAINED      /**< CCL: the sampler's labels are constraint maps; decoder */
} fseg_contrast_variant;

typedef struct fseg_pretrainer_options {
    fseg_pretrain_loss loss;
    int height, width; /**< of every image; those of the sampler */
    uint64_t seed;     /**< heads, corruptions, queries */
    /* Regression */
    int batch;                           /**< images; default 16 [I] */
    fseg_corrupt_options corruption;     /**< default masked patches, 32 pixels, 75 % */
    fseg_augment_options target_augment; /**< before the corruption; default geometry only [I] */
    fseg_regression_error error;         /**< default squared */
    int corrupted_only;                  /**< loss on corrupted pixels; default 1, as for masks */
    int no_skips;                        /**< decoder without the encoder's skips; default 0 */
    /* Contrast */
    fseg_contrast_variant variant; /**< default partition */
    int volumes, partitions;       /**< slices a batch = their product; default 3 x 4 [I] */
    double temperature;            /**< default 0.1 */
    double contrast_weight;        /**< lambda, with both; default 0.01 [I] */
    fseg_augment_options view_augment;
    int flatten_head;          /**< the size-bound head of the public code; default 0: pooled [I] */
    double position_threshold; /**< PCL; default 0.1 */
    int partial_decoder;       /**< CCL: features at a quarter of the size; default 0 */
    int set_wise;              /**< CCL: one term a query; default 0 */
    int queries;               /**< CCL: an image; default 20 */
    fseg_ccl_options ccl;
    int freeze_encoder; /**< for stages that train the decoder only; default 0 */
    /* Optimizer, as for fine-tuning */
    double learning_rate;                       /**< default 1e-3 */
    double learning_rate_final;                 /**< fraction of it, default 0.01 [I] */
    double beta1, beta2, epsilon, weight_decay; /**< Adam: 0.9, 0.999, 1e-8, 0 */
    double gradient_clip;                       /**< default 12; 0 = off */
    int steps, warmup_steps;                    /**< warm-up 5 % of the steps */
    fseg_precision precision; /**< of the network's activations and gradients; default float32 */
} fseg_pretrainer_options;
/** The values of the paper for this loss; slices [height, width]. */
fseg_pretrainer_options fseg_pretrainer_default_options(fseg_pretrain_loss loss, int height,
                                                        int width, int steps);

/** Bytes that a pretrainer of this model will hold: the peak, but for the sampler's volumes. 0 when
 *  the options are impossible. Nothing of that size is allocated. */
size_t fseg_pretrainer_predict_memory(const fseg_model *model,
                                      const fseg_pretrainer_options *options);

/** The same of each of `processes` that share the batches. */
size_t fseg_pretrainer_predict_share(const fseg_model *model,
                                     const fseg_pretrainer_options *options, int processes);

/** Context and model must outlive the pretrainer. With a communicator in the context, each rank
 *  works on its share of the batches, which the number of ranks must divide, and gives the losses
 *  and the update of the whole batch; stepping and evaluating are then collective.
 * FSEG_ERROR_INVALID_ARGUMENT says which option is impossible. */
fseg_status fseg_pretrainer_create(fseg_context *context, fseg_model *model,
                                   const fseg_pretrainer_options *options, fseg_pretrainer **out,
                                   fseg_error *error);
void fseg_pretrainer_free(fseg_pretrainer *pretrainer);

/** Losses of one batch; those that are not trained are 0. */
typedef struct fseg_pretrain_losses {
    double total, regression, contrast;
} fseg_pretrain_losses;

/** One optimizer step on the next batch of `sampler`; the losses are those before the update.
 *  FSEG_ERROR_NOT_FINITE names the step and leaves the weights as they were. */
fseg_status fseg_pretrainer_step(fseg_pretrainer *pretrainer, const fseg_sampler *sampler,
                                 fseg_pretrain_losses *losses, fseg_error *error);
/** Losses of batch number `step` of (held-out) `sampler`, without an update. */
fseg_status fseg_pretrainer_evaluate(fseg_pretrainer *pretrainer, const fseg_sampler *sampler,
                                     int step, fseg_pretrain_losses *losses, fseg_error *error);
/** Whether the last step or evaluation, having ended with FSEG_ERROR_NOT_FINITE, can be blamed on
 *  one slice: the first whose output was not finite. */
int fseg_pretrainer_culprit(const fseg_pretrainer *pretrainer, fseg_slice_choice *out);
int fseg_pretrainer_steps_done(const fseg_pretrainer *pretrainer);
size_t fseg_pretrainer_memory(const fseg_pretrainer *pretrainer);

/** The restored images [batch, C, H, W] of corrupted ones; only with a regression loss. */
fseg_status fseg_pretrainer_reconstruct(fseg_pretrainer *pretrainer, const float *images,
                                        float *restored, fseg_error *error);

/** Mean squared errors over the corrupted pixels of held-out images. */
typedef struct fseg_restoration {
    double network;         /**< of what the network restored */
    double corrupted;       /**< of the corrupted images as they are */
    double smoothing;       /**< of the best Gaussian smoothing of them, the lowest of 21 */
    double smoothing_sigma; /**< pixels; 0 when no smoothing helps */
} fseg_restoration;
/** Corrupt slices of `held_out` (`batches` of the options' batch, without augmentation) and restore
 *  them; only with a regression loss. A function of seeds and weights alone. */
fseg_status fseg_pretrainer_restoration(fseg_pretrainer *pretrainer, const fseg_sampler *held_out,
                                        int batches, fseg_restoration *out, fseg_error *error);

/** Gradient of a tensor of the model as the last step or evaluation left it (evaluation computes
 *  gradients too); owned by the pretrainer. */
const float *fseg_pretrainer_gradient(const fseg_pretrainer *pretrainer, size_t index);

/** Save model, heads, moments and step count atomically / go on from such a file to the same loss
 *  curve. The options must be those of the interrupted run. */
fseg_status fseg_pretrainer_save(const fseg_pretrainer *pretrainer, const char *path,
                                 fseg_error *error);
fseg_status fseg_pretrainer_restore(fseg_pretrainer *pretrainer, const char *path,
                                    fseg_error *error);

/** Number of values of fseg_model_features for each image: the bottleneck's channels. */
size_t fseg_model_feature_count(const fseg_model *model);
/** Bottleneck features, averaged over the image: images [count, C, H, W] -> out [count, channels].
 */
fseg_status fseg_model_features(fseg_context *context, const fseg_model *model, const float *images,
                                size_t count, int height, int width, float *out, fseg_error *error);
/** Share of vectors whose most similar vector (cosine) of another group (subject) has the same
 *  class (partition): 1 / classes by chance. */
double fseg_retrieval_top1(const float *vectors, size_t count, size_t dim, const int *classes,
                           const int *groups);

#ifdef __cplusplus
}
#endif
#endif
