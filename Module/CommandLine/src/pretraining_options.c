/* Options of frugalseg pretrain and what they mean for the library. */
#include "pretraining.h"
#include <stdlib.h>
#include <string.h>

static const char *const losses[] = {"regression", "contrastive", "both"};
static const char *const contrasts[] = {"simclr",   "partition", "partition-pairs",
                                        "position", "local",     "constrained"};
static const char *const errors[] = {"squared", "absolute"};
static const char *const pixels[] = {"default", "all", "corrupted"};

/* Index of `name` among `count` names, or -1. */
static int find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
#define FIND(names, name) find_name(names, sizeof(names) / sizeof *(names), name)

pretrain_options pretraining_default_options(void)
{
    return (pretrain_options){.loss = "regression",
                              .precision = "float32",
                              .contrast = "partition",
                              .corruption = "patches",
                              .error = "squared",
                              .pixels = "default",
                              .steps = 10000,
                              .batch = 16,
                              .volumes = 3,
                              .partitions = 4,
                              .size = 160,
                              .context_slices = 1,
                              .report_every = 50,
                              .checkpoint_every = 500,
                              .patch = 32,
                              .mask_ratio = 0.75,
                              .queries = 20,
                              .neighbours = 100,
                              .clusters = 20,
                              .network_contrast = 1,
                              .position_threshold = 0.1,
                              .zoom = 1.9,
                              .shift = 0.15,
                              .rotation = 10,
                              .brightness = 0.3,
                              .contrast_range = 0.3,
                              .learning_rate = 1e-3,
                              .epsilon = 1e-8,
                              .temperature = 0.1,
                              .weight = 0.01,
                              .spacing_mm = 2,
                              .seed = 1};
}

size_t pretraining_option_table(pretrain_options *o, program_option *table)
{
    const program_option options[] = {
        {"data", OPTION_TEXT, &o->data, 0, 0, "FOLDER", "DICOM series, NIfTI or NRRD files"},
        {"out", OPTION_TEXT, &o->out, 0, 0, "FILE", "the model to write"},
        {"loss", OPTION_TEXT, &o->loss, 0, 0, "NAME", "regression (default), contrastive or both"},
        {"contrast", OPTION_TEXT, &o->contrast, 0, 0, "NAME",
         "simclr, partition (default), partition-pairs, position, local or constrained"},
        {"then", OPTION_TEXT, &o->then, 0, 0, "NAME",
         "a second stage for the decoder, encoder frozen: local or constrained"},
        {"then-steps", OPTION_INTEGER, &o->then_steps, 1, 10000000, "N",
         "of the second stage (default: as many)"},
        {"init", OPTION_TEXT, &o->init, 0, 0, "MODEL", "start from this model"},
        {"freeze-encoder", OPTION_FLAG, &o->freeze_encoder, 0, 0, NULL,
         "leave the encoder as it is"},
        {"steps", OPTION_INTEGER, &o->steps, 1, 10000000, "N", "optimizer steps (default 10000)"},
        {"batch", OPTION_INTEGER, &o->batch, 1, 1024, "B", "regression: slices (default 16)"},
        {"corruption", OPTION_TEXT, &o->corruption, 0, 0, "LIST",
         "how images are spoilt, see above (default patches)"},
        {"patch", OPTION_INTEGER, &o->patch, 1, 1024, "N",
         "pixels a side of masked or swapped patches (default 32)"},
        {"mask-ratio", OPTION_NUMBER, &o->mask_ratio, 0, 1, "X", "masked share (default 0.75)"},
        {"error", OPTION_TEXT, &o->error, 0, 0, "NAME", "squared (default) or absolute"},
        {"pixels", OPTION_TEXT, &o->pixels, 0, 0, "NAME",
         "that the loss counts: all or corrupted (default: corrupted for patches, else all)"},
        {"no-skips", OPTION_FLAG, &o->no_skips, 0, 0, NULL, "regression without skip connections"},
        {"volumes", OPTION_INTEGER, &o->volumes, 1, 256, "M", "contrast: volumes (default 3)"},
        {"partitions", OPTION_INTEGER, &o->partitions, 2, 64, "S",
         "contrast: slices of each, one a partition (default 4)"},
        {"temperature", OPTION_NUMBER, &o->temperature, 0.001, 100, "X", "default 0.1"},
        {"weight", OPTION_NUMBER, &o->weight, 0, 1000, "X",
         "of contrast, with both (default 0.01)"},
        {"flatten-head", OPTION_FLAG, &o->flatten_head, 0, 0, NULL,
         "head on all bottleneck values, not their mean"},
        {"position-threshold", OPTION_NUMBER, &o->position_threshold, 0, 1, "X",
         "position: gap of a positive pair (default 0.1)"},
        {"view-zoom", OPTION_NUMBER, &o->zoom, 1, 10, "X", "views: up to this (default 1.9)"},
        {"view-shift", OPTION_NUMBER, &o->shift, 0, 1, "X", "views: of the size (default 0.15)"},
        {"view-rotation", OPTION_NUMBER, &o->rotation, 0, 180, "DEG", "views (default 10)"},
        {"view-brightness", OPTION_NUMBER, &o->brightness, 0, 10, "X", "views: +- (default 0.3)"},
        {"view-contrast", OPTION_NUMBER, &o->contrast_range, 0, 0.99, "X",
         "views: factor 1 +- (default 0.3)"},
        {"queries", OPTION_INTEGER, &o->queries, 1, 65536, "N",
         "constrained: an image (default 20)"},
        {"neighbours", OPTION_INTEGER, &o->neighbours, 1, 65536, "N",
         "constrained: most similar that take part (default 100)"},
        {"partial-decoder", OPTION_FLAG, &o->partial_decoder, 0, 0, NULL,
         "constrained: decoder up to a quarter of the size"},
        {"set-wise", OPTION_FLAG, &o->set_wise, 0, 0, NULL, "constrained: one term a query"},
        {"clusters", OPTION_INTEGER, &o->clusters, 2, 255, "K",
         "constrained: of the map (default 20)"},
        {"network-contrast", OPTION_INTEGER, &o->network_contrast, 1, 64, "N",
         "of several contrasts a subject, what the network sees (default 1)"},
        {"size", OPTION_INTEGER, &o->size, 32, 2048, "S", "pixels per side (default 160)"},
        {"context-slices", OPTION_INTEGER, &o->context_slices, 1, 63, "N",
         "slice and neighbours, odd (default 1)"},
        {"spacing", OPTION_NUMBER, &o->spacing_mm, 0.05, 50, "MM",
         "pixel size for the network (default 2)"},
        {"lr", OPTION_NUMBER, &o->learning_rate, 1e-8, 1, "X", "peak learning rate (default 1e-3)"},
        {"precision", OPTION_TEXT, &o->precision, 0, 0, "NAME",
         "of activations: float32 (default) or bfloat16 (faster; AVX-512 BF16)"},
        {"epsilon", OPTION_NUMBER, &o->epsilon, 1e-12, 1, "X",
         "of Adam; larger: no full steps of gradients near 0 (default 1e-8)"},
        {"seed", OPTION_SEED, &o->seed, 0, 0, "N", "of weights and batches (default 1)"},
        {"report-every", OPTION_INTEGER, &o->report_every, 1, 1000000, "N", "steps (default 50)"},
        {"checkpoint", OPTION_TEXT, &o->checkpoint, 0, 0, "FILE",
         "kept at the end (default OUT.checkpoint, removed)"},
        {"checkpoint-every", OPTION_INTEGER, &o->checkpoint_every, 1, 10000000, "N",
         "steps (default 500)"},
        {"resume", OPTION_FLAG, &o->resume, 0, 0, NULL, "go on from the checkpoint"},
        {"log", OPTION_TEXT, &o->log, 0, 0, "FILE", "one JSON object per line"},
        {"plot", OPTION_TEXT, &o->plot, 0, 0, "NAME", "draw the log as NAME.png and NAME.svg"},
    };
    memcpy(table, options, sizeof options);
    return sizeof options / sizeof *options;
}

/* ---- corruptions ------------------------------------------------------------------------------
 */

/* Set the chance of the corruption `name`; NaN: that of the sources. */
static bool set_corruption(fseg_corrupt_options *c, const char *name, double chance)
{
    const fseg_corrupt_options genesis = fseg_corrupt_models_genesis();
    const bool given = chance == chance;
    if (strcmp(name, "patches") == 0) {
        c->patches_probability = given ? chance : 1.0;
    } else if (strcmp(name, "swap") == 0) {
        c->swap_probability = given ? chance : 1.0;
    } else if (strcmp(name, "shuffle") == 0) {
        c->shuffle_probability = given ? chance : genesis.shuffle_probability;
    } else if (strcmp(name, "intensity") == 0) {
        c->intensity_probability = given ? chance : genesis.intensity_probability;
    } else if (strcmp(name, "painting") == 0 || strcmp(name, "inpainting") == 0 ||
               strcmp(name, "outpainting") == 0) {
        c->paint_probability = given ? chance : genesis.paint_probability;
        c->paint_inner_share = name[0] == 'p'   ? genesis.paint_inner_share
                               : name[0] == 'i' ? 1.0
                                                : 0.0;
    } else if (strcmp(name, "genesis") == 0 && !given) {
        c->shuffle_probability = genesis.shuffle_probability;
        c->intensity_probability = genesis.intensity_probability;
        c->paint_probability = genesis.paint_probability;
        c->paint_inner_share = genesis.paint_inner_share;
    } else {
        return false;
    }
    return true;
}

bool pretraining_parse_corruption(const char *text, const pretrain_options *options,
                                  fseg_corrupt_options *out, char *message, size_t size)
{
    *out = fseg_corrupt_no_options();
    out->patches_size = out->swap_patch = options->patch;
    out->patches_ratio = options->mask_ratio;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        double chance = strtod("nan", NULL);
        char *equals = strchr(name, '='), *end = NULL;
        if (equals) {
            *equals = '\0';
            chance = strtod(equals + 1, &end);
        }
        if (equals && (end == equals + 1 || *end || !(chance >= 0 && chance <= 1))) {
            snprintf(message, size, "--corruption: the chance of '%s' must be 0 to 1.", name);
            return false;
        }
        if (!set_corruption(out, name, chance)) {
            snprintf(message, size, "--corruption has no '%s'%s; see --help.", name,
                     equals ? " with a chance" : "");
            return false;
        }
        at += length;
        if (!*at) {
            return true;
        }
    }
}

static bool only_patches(const fseg_corrupt_options *c)
{
    return c->patches_probability > 0 && c->swap_probability == 0 && c->shuffle_probability == 0 &&
           c->intensity_probability == 0 && c->paint_probability == 0;
}

/* ---- checks and meaning ------------------------------------------------------------------------
 */

int pretraining_check_options(const program_command *self, const program_common *common,
                              const pretrain_options *o)
{
    if (!o->data || !o->out) {
        return program_usage(self, common, "pretrain needs --data and --out.");
    }
    const struct {
        const char *option, *value;
        int found;
    } names[] = {{"loss", o->loss, FIND(losses, o->loss)},
                 {"contrast", o->contrast, FIND(contrasts, o->contrast)},
                 {"error", o->error, FIND(errors, o->error)},
                 {"pixels", o->pixels, FIND(pixels, o->pixels)}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].found < 0) {
            return program_usage(self, common, "--%s has no '%.60s'; see --help.", names[i].option,
                                 names[i].value);
        }
    }
    if (o->then && strcmp(o->then, "local") != 0 && strcmp(o->then, "constrained") != 0) {
        return program_usage(self, common, "--then must be local or constrained.");
    }
    if (o->plot && !o->log) {
        return program_usage(self, common, "--plot draws the log; give --log too.");
    }
    if (o->then_steps && !o->then) {
        return program_usage(self, common, "--then-steps needs --then.");
    }
    char message[160];
    fseg_corrupt_options corruption;
    if (!pretraining_parse_corruption(o->corruption, o, &corruption, message, sizeof message)) {
        return program_usage(self, common, "%s", message);
    }
    fseg_precision precision;
    if (!program_precision(o->precision, &precision)) {
        return program_usage(self, common, "--precision must be float32 or bfloat16, not '%.40s'.",
                             o->precision);
    }
    if (o->size % 32 != 0 || o->context_slices % 2 == 0) {
        return program_usage(self, common,
                             "--size must be a multiple of 32 and --context-slices odd.");
    }
    if (corruption.swap_probability > 0 && 2 * o->patch > o->size) {
        return program_usage(self, common,
                             "--patch is too large to swap two patches in --size pixels.");
    }
    return EXIT_OK;
}

fseg_pretrainer_options pretraining_stage_options(const pretrain_options *o, int stage)
{
    const fseg_pretrain_loss loss =
        stage ? FSEG_PRETRAIN_CONTRASTIVE : (fseg_pretrain_loss)(FIND(losses, o->loss) + 1);
    const int steps = stage && o->then_steps ? o->then_steps : o->steps;
    fseg_pretrainer_options p = fseg_pretrainer_default_options(loss, o->size, o->size, steps);
    char message[160];
    p.seed = o->seed + (uint64_t)stage;
    p.batch = o->batch;
    (void)pretraining_parse_corruption(o->corruption, o, &p.corruption, message, sizeof message);
    p.error = (fseg_regression_error)FIND(errors, o->error);
    p.corrupted_only = strcmp(o->pixels, "default") == 0 ? only_patches(&p.corruption)
                                                         : FIND(pixels, o->pixels) == 2;
    p.no_skips = o->no_skips;
    p.volumes = o->volumes;
    p.partitions = o->partitions;
    p.variant = (fseg_contrast_variant)FIND(contrasts, stage ? o->then : o->contrast);
    p.temperature = o->temperature;
    p.contrast_weight = o->weight;
    p.flatten_head = o->flatten_head;
    p.position_threshold = o->position_threshold;
    p.view_augment.scale_high = o->zoom;
    p.view_augment.translation = o->shift;
    p.view_augment.rotation_degrees = o->rotation;
    p.view_augment.brightness = o->brightness;
    p.view_augment.contrast_low = 1 - o->contrast_range;
    p.view_augment.contrast_high = 1 + o->contrast_range;
    p.queries = o->queries;
    p.ccl.neighbours = (size_t)o->neighbours;
    p.partial_decoder = o->partial_decoder;
    p.set_wise = o->set_wise;
    p.freeze_encoder = stage || o->freeze_encoder;
    p.learning_rate = o->learning_rate;
    p.epsilon = o->epsilon;
    (void)program_precision(o->precision, &p.precision); /* checked when parsed */
    return p;
}
