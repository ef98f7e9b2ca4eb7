/* frugalseg figure: the pictures of docs/theory/pretraining.md. */
#include "figure.h"
#include "frugalseg/constraint_map.h"
#include "frugalseg/contrast.h"
#include "frugalseg/phantom.h"
#include "frugalseg/pretrainer.h"
#include "program.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 96, SLICES = 16, PIXELS = SIDE * SIDE, ECHOES = 3, MIDDLE = 8, PATCH = 4 };

typedef struct phantoms {
    fseg_context *context;
    float *image;   /* [ECHOES, SLICES, SIDE, SIDE], 0 to about 1 */
    uint8_t *label; /* of one */
} phantoms;

static fseg_status make_phantom(phantoms *p, uint64_t seed, double echo, float *image,
                                fseg_error *error)
{
    fseg_phantom_options o = fseg_phantom_default_options(seed);
    o.columns = o.rows = SIDE;
    o.slices = SLICES;
    o.spacing_mm[0] = o.spacing_mm[1] = 3.8;
    o.spacing_mm[2] = 12;
    o.echo = echo;
    const fseg_status status = fseg_phantom_abdomen(p->context, &o, image, p->label, NULL, error);
    for (size_t i = 0; status == FSEG_OK && i < (size_t)SLICES * PIXELS; i++) {
        image[i] = image[i] > 1000 ? 1 : image[i] / 1000;
    }
    return status;
}

static fseg_status draw_corruptions(phantoms *p, const char *path, fseg_error *error)
{
    static const char *const titles[] = {"swap",       "shuffle",     "intensity",
                                         "inpainting", "outpainting", "patches"};
    const float *clean = p->image + (size_t)MIDDLE * PIXELS;
    float *image = malloc(2 * PIXELS * sizeof *image), *shown = image + PIXELS;
    uint8_t *mask = malloc(PIXELS);
    figure f = {0};
    fseg_status status = image && mask ? figure_begin(&f, 2, 7, error) : FSEG_ERROR_OUT_OF_MEMORY;
    for (int row = 0; row < 2 && status == FSEG_OK; row++) {
        if (row == 0) {
            figure_add(&f, "image", clean, SIDE, SIDE, FIGURE_GREY);
        } else {
            memset(shown, 0, PIXELS * sizeof *shown);
            figure_add(&f, "changed pixels:", shown, SIDE, SIDE, FIGURE_GREY);
        }
        for (int k = 0; k < 6 && status == FSEG_OK; k++) {
            fseg_corrupt_options o = fseg_corrupt_no_options();
            /* Patches of a fifth of the side, as 32 pixels of 160 are. */
            o.swap_patch = o.patches_size = SIDE / 5;
            o.swap_probability = k == 0;
            o.shuffle_probability = k == 1;
            o.intensity_probability = k == 2;
            o.paint_probability = k == 3 || k == 4;
            o.paint_inner_share = k == 3;
            o.patches_probability = k == 5;
            fseg_random random = fseg_random_create(11, (uint64_t)k);
            memcpy(image, clean, PIXELS * sizeof *image);
            status = fseg_corrupt_apply(&o, &random, 1, SIDE, SIDE, image, mask);
            for (size_t i = 0; i < PIXELS; i++) {
                shown[i] = row == 0 ? image[i] : mask[i];
            }
            figure_add(&f, row == 0 ? titles[k] : "", shown, SIDE, SIDE, FIGURE_GREY);
        }
    }
    status = figure_end(&f, path, status, error);
    free(image);
    free(mask);
    return status;
}

/* Views of a batch: a volume a row, a partition a column, and each with a view beside it. */
static fseg_status draw_views(phantoms *p, const char *path, fseg_error *error)
{
    enum { VOLUMES = 2, PARTITIONS = 3, COUNT = VOLUMES * PARTITIONS, VIEWS = 3 };
    fseg_sampler_options o = fseg_sampler_default_options(1, SIDE, SIDE);
    const fseg_augment_options views =
        fseg_pretrainer_default_options(FSEG_PRETRAIN_CONTRASTIVE, SIDE, SIDE, 1).view_augment;
    fseg_sampler *sampler = NULL;
    fseg_slice_choice choices[COUNT];
    float *images = malloc((size_t)VIEWS * COUNT * PIXELS * sizeof *images);
    figure f = {0};
    fseg_status status =
        images ? fseg_sampler_create(&o, &sampler, error) : FSEG_ERROR_OUT_OF_MEMORY;
    for (uint64_t v = 0; v < VOLUMES && status == FSEG_OK; v++) {
        float *volume = p->image + (v + 1) * (size_t)SLICES * PIXELS; /* the first stays */
        status = make_phantom(p, 21 + v, 1, volume, error);
        if (status == FSEG_OK) {
            status = fseg_sampler_add_unlabelled(sampler, volume, SLICES, SIDE, SIDE, 1, error);
        }
    }
    if (status == FSEG_OK) {
        status = fseg_sampler_choose(sampler, 0, 0, VOLUMES, PARTITIONS, choices);
    }
    for (int v = 0; v < VIEWS && status == FSEG_OK; v++) {
        status = fseg_sampler_view(sampler, p->context, choices, COUNT, v == 0 ? NULL : &views, 0,
                                   v, images + (size_t)v * COUNT * PIXELS, NULL);
    }
    if (status == FSEG_OK) {
        status = figure_begin(&f, VIEWS, COUNT, error);
    }
    for (int v = 0; v < VIEWS && status == FSEG_OK; v++) {
        for (int c = 0; c < COUNT; c++) {
            char title[48] = "";
            if (v == 0) {
                snprintf(title, sizeof title, "volume %d, partition %d", c / PARTITIONS + 1,
                         choices[c].partition + 1);
            } else {
                snprintf(title, sizeof title, "view %d", v);
            }
            figure_add(&f, title, images + (size_t)(v * COUNT + c) * PIXELS, SIDE, SIDE,
                       FIGURE_GREY);
        }
    }
    status = figure_end(&f, path, status, error);
    fseg_sampler_free(sampler);
    free(images);
    return status;
}

/* Positives and negatives of one query, on the grid of blocks. The vectors are the grey values of
 * the blocks in all echoes, in place of a network's features. */
static fseg_status find_pairs(const phantoms *p, const uint8_t *labels, float *shown)
{
    enum { ACROSS = SIDE / PATCH, BLOCKS = ACROSS * ACROSS, DIM = ECHOES * PATCH * PATCH };
    float *z = malloc((size_t)BLOCKS * DIM * sizeof *z);
    uint8_t reduced[BLOCKS];
    const uint32_t query = 11 * ACROSS + 8;
    fseg_pair_set pairs = {0};
    fseg_ccl_options o = fseg_ccl_default_options();
    fseg_status status =
        z ? fseg_block_majority(labels, SIDE, SIDE, PATCH, reduced) : FSEG_ERROR_OUT_OF_MEMORY;
    for (int b = 0; status == FSEG_OK && b < BLOCKS; b++) {
        for (int d = 0; d < DIM; d++) {
            const int y = b / ACROSS * PATCH + d / PATCH % PATCH,
                      x = b % ACROSS * PATCH + d % PATCH;
            const size_t slice = (size_t)(d / (PATCH * PATCH)) * SLICES + MIDDLE;
            z[b * DIM + d] = p->image[slice * PIXELS + (size_t)(y * SIDE + x)];
        }
    }
    if (status == FSEG_OK) {
        status = fseg_pairs_ccl_f32(&o, z, BLOCKS, DIM, reduced, &query, 1, &pairs);
    }
    memset(shown, 0, BLOCKS * sizeof *shown);
    if (status == FSEG_OK) {
        for (size_t k = 0; k < pairs.negative_start[1]; k++) {
            shown[pairs.negative[k]] = 1;
        }
        for (size_t k = 0; k < pairs.positive_start[1]; k++) {
            shown[pairs.positive[k]] = 2;
        }
        shown[query] = 3;
    }
    fseg_pair_set_free(&pairs);
    free(z);
    return status;
}

static fseg_status draw_constraint(phantoms *p, const char *path, fseg_error *error)
{
    static const double echoes[ECHOES] = {0.5, 1, 2};
    const size_t volume = (size_t)SLICES * PIXELS;
    uint8_t *labels = malloc(volume);
    float shown[PIXELS];
    figure f = {0};
    fseg_status status = labels ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t e = 0; e < ECHOES && status == FSEG_OK; e++) {
        status = make_phantom(p, 7, echoes[e], p->image + e * volume, error);
    }
    if (status == FSEG_OK) {
        const fseg_constraint_options o = fseg_constraint_default_options();
        status = fseg_constraint_map(p->context, &o, p->image, ECHOES, SLICES, SIDE, SIDE, labels,
                                     NULL, error);
    }
    if (status == FSEG_OK) {
        status = figure_begin(&f, 1, 5, error);
    }
    for (size_t e = 0; e < ECHOES && status == FSEG_OK; e++) {
        char title[32];
        snprintf(title, sizeof title, "echo at %g TE", echoes[e]);
        figure_add(&f, title, p->image + (e * SLICES + MIDDLE) * PIXELS, SIDE, SIDE, FIGURE_GREY);
    }
    if (status == FSEG_OK) {
        for (size_t i = 0; i < PIXELS; i++) {
            shown[i] = labels[(size_t)MIDDLE * PIXELS + i];
        }
        figure_add(&f, "constraint map, 20 clusters", shown, SIDE, SIDE, FIGURE_LABELS);
        status = find_pairs(p, labels + (size_t)MIDDLE * PIXELS, shown);
        figure_add(&f, "pairs of one query", shown, SIDE / PATCH, SIDE / PATCH, FIGURE_PAIRS);
    }
    status = figure_end(&f, path, status, error);
    free(labels);
    return status;
}

static fseg_status draw_all(const program_common *common, const char *folder, fseg_error *error)
{
    phantoms p = {.image = malloc((size_t)ECHOES * SLICES * PIXELS * sizeof(float)),
                  .label = malloc((size_t)SLICES * PIXELS)};
    fseg_status status = p.image && p.label
                             ? program_context(common, &p.context, error)
                             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    (void)mkdir(folder, 0777);
    const char *const names[] = {"corruptions", "views", "constraint-map", "pairs"};
    if (status == FSEG_OK) {
        status = make_phantom(&p, 7, 1, p.image, error);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && status == FSEG_OK; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s.png", folder, names[i]) < 0) {
            status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
            break;
        }
        status = i == 0   ? draw_corruptions(&p, path, error)
                 : i == 1 ? draw_views(&p, path, error)
                 : i == 2 ? draw_constraint(&p, path, error)
                          : figure_draw_pairs(path, error);
        free(path);
    }
    fseg_context_free(p.context);
    free(p.image);
    free(p.label);
    return status;
}

static int run_figure(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    const char *out = NULL;
    const program_option options[] = {
        {"out", OPTION_TEXT, &out, 0, 0, "DIR", "folder for the pictures"},
    };
    const parse_result parsed = program_parse(self, options, 1, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!out) {
        return program_usage(self, &common, "figure needs --out.");
    }
    fseg_error error = {0};
    const fseg_status status = draw_all(&common, out, &error);
    if (status != FSEG_OK) {
        if (error.message[0] == '\0') {
            fseg_error_set(&error, status, "The figures could not be made: %s.",
                           fseg_status_text(status));
        }
        return program_fail_error(&common, &error);
    }
    return common.json
               ? program_print_json(json_pack("{s:s, s:s}", "out", out, "notice", PROGRAM_NOTICE))
               : EXIT_OK;
}

const program_command command_figure = {
    "figure",
    "draw what pretraining does to images",
    "--out DIR",
    "Writes corruptions.png, views.png, constraint-map.png and pairs.png: the operators of this\n"
    "library at work on phantoms. Needs gnuplot.",
    "  frugalseg figure --out docs/theory/pictures",
    run_figure,
};
