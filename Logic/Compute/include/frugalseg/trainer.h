/**
 * @file trainer.h
 * Supervised training of a model: losses, Adam or AdamW, warm-up and cosine schedule.
 */
#ifndef FRUGALSEG_TRAINER_H
#define FRUGALSEG_TRAINER_H

#include "context.h"
#include "loss.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_trainer fseg_trainer;

typedef struct fseg_trainer_options {
    int batch, height, width;     /**< of every step */
    fseg_loss_options loss;       /**< default: 0.5 soft Dice + 0.5 cross-entropy */
    double learning_rate;         /**< peak, default 1e-3 */
    double learning_rate_final;   /**< as a fraction of the peak, default 0.01 */
    double beta1, beta2, epsilon; /**< Adam (Kingma & Ba 2015): 0.9, 0.999, 1e-8 */
    double weight_decay;          /**< decoupled (AdamW, Loshchilov & Hutter 2019); 0 = Adam */
    double gradient_clip;         /**< global L2 norm; 0 = off; default 12 */
    int steps;                    /**< of the whole run, for the schedule */
    int warmup_steps;             /**< linear warm-up; default 5 % of steps */
    double encoder_rate_factor;   /**< the encoder's rate as a fraction; default 1 */
    int freeze_encoder;           /**< leave the encoder as it is; default 0 */
    double average_decay;         /**< of the moving average of the weights, 0 = none (default): the
                                       average becomes d * average + (1 - d) * weights after each
                                       step, d = min(decay, (1 + step) / (10 + step)) */
    double deep_supervision;      /**< weight w of the loss of a further head on the decoder's half
                                       size, w / 2 on its quarter size; 0 = none (default). Labels
                                       there: the most frequent of each 2 x 2 or 4 x 4. The heads
                                       belong to the trainer and are not part of the model */
    fseg_precision precision;     /**< of activations and gradients; default float32 */
    int direct_convolution;       /**< convolutions by definition instead of Winograd's algorithm: a
                                       third slower, rounding errors several times smaller; default 0 */
} fseg_trainer_options;
/** Batches [batch, slices, height, width]; AdamW, the usual rates. */
fseg_trainer_options fseg_trainer_default_options(int batch, int height, int width, int steps);

/** What fine-tuning takes from a pretrained model; the rest keeps its fresh weights. */
typedef enum fseg_transfer {
    FSEG_TRANSFER_ENCODER = 0,
    FSEG_TRANSFER_ENCODER_DECODER /**< all but the segmentation head */
} fseg_transfer;

/** Copy the weights of `from` that `scope` names into `model`; the numbers of classes may differ.
 *  On failure nothing is copied. */
fseg_status fseg_model_transfer(fseg_model *model, const fseg_model *from, fseg_transfer scope,
                                fseg_error *error);

/** The trainer updates the tensors of `model`, which must outlive it, like the context. With a
 *  communicator in the context, steps are collective: each rank gives its share of the batch, which
 *  the ranks must divide, and all get the loss and the update of the whole.
 *  FSEG_ERROR_UNSUPPORTED when the context cannot train in the precision asked for. */
fseg_status fseg_trainer_create(fseg_context *context, fseg_model *model,
                                const fseg_trainer_options *options, fseg_trainer **out,
                                fseg_error *error);
void fseg_trainer_free(fseg_trainer *trainer);

/** Bytes that the trainer holds. */
size_t fseg_trainer_memory(const fseg_trainer *trainer);

/** Learning rate of a 0-based step: linear warm-up, then cosine to the final rate. */
double fseg_trainer_learning_rate(const fseg_trainer_options *options, int step);

/**
 * Report to `progress` (copied; null: no reports) while a step runs, with the fraction of the step
 * done. When it asks to stop, the step ends with FSEG_ERROR_CANCELLED and changes nothing.
 */
void fseg_trainer_set_progress(fseg_trainer *trainer, const fseg_progress *progress);

/**
 * One optimizer step on images [N, C_in, H, W] and labels [N, H, W] (class indices); writes the
 * loss before the update. FSEG_ERROR_NOT_FINITE leaves the weights as they were.
 */
fseg_status fseg_trainer_step(fseg_trainer *trainer, const float *images, const uint8_t *labels,
                              double *loss, fseg_error *error);

/** Loss and gradients without an update; gradients stay readable until the next call. */
fseg_status fseg_trainer_gradients(fseg_trainer *trainer, const float *images,
                                   const uint8_t *labels, double *loss, fseg_error *error);
/** Gradient of tensor `index` of the model, same shape; owned by the trainer. */
const float *fseg_trainer_gradient(const fseg_trainer *trainer, size_t index);
/** Number of steps done. */
int fseg_trainer_steps_done(const fseg_trainer *trainer);

/**
 * The moving average of the weights takes their place in the model, for a measurement, or gives it
 * back; steps, checkpoints and gradients need the weights themselves. Nothing happens without
 * average_decay. A score that is noted meanwhile keeps the average as the best weights.
 */
void fseg_trainer_show_average(fseg_trainer *trainer, int show);
/** Give the model the average for good; without average_decay it keeps its weights. */
void fseg_trainer_use_average(fseg_trainer *trainer);

/** Scores of the weights so far, for early stopping. */
typedef struct fseg_trainer_best {
    int scores;     /**< told so far; the rest is 0 when there are none */
    int since_best; /**< scores since the best one */
    int step;       /**< steps done when it was told */
    double score;   /**< the highest */
} fseg_trainer_best;
/** Tell how good the current weights are (validation Dice, higher is better); the best weights are
 *  kept, and go into checkpoints with what fseg_trainer_best_score gives. */
fseg_status fseg_trainer_note_score(fseg_trainer *trainer, double score, fseg_error *error);
fseg_trainer_best fseg_trainer_best_score(const fseg_trainer *trainer);
/** Give the model the best weights; without any score it keeps the last ones. */
void fseg_trainer_use_best(fseg_trainer *trainer);

/** Save model, optimizer moments and step count atomically / go on from such a file. The options
 *  given at creation must be those of the interrupted run; then the loss curve is the same. */
fseg_status fseg_trainer_save(const fseg_trainer *trainer, const char *path, fseg_error *error);
fseg_status fseg_trainer_restore(fseg_trainer *trainer, const char *path, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
