/* The contrastive branch: views, vectors, pairs, loss. */
#include "pretrainer_internal.h"
#include "sampler_internal.h"
#include <stdlib.h>
#include <string.h>

enum { PATCH = 4, LOCAL_CHANNELS = 64 };
static const uint64_t query_stream = (uint64_t)0x51 << 56;

static size_t image_floats(const fseg_pretrainer *p)
{
    return (size_t)p->model->config.in_channels * (size_t)p->options.height *
           (size_t)p->options.width;
}

/* Fill group `group` of the branch's images with a view of this rank's slices. */
static fseg_status fill_view(fseg_pretrainer *p, const fseg_sampler *sampler, int step, int group,
                             int view, const fseg_augment_options *augment)
{
    const size_t slices = (size_t)fseg_pretrainer_own_slices(p);
    uint8_t *labels = p->options.variant == FSEG_VARIANT_CONSTRAINED ? p->labels : NULL;
    return fseg_sampler_augment(sampler, p->context, p->windows, labels, slices,
                                (size_t)p->rank * slices, augment, step, view,
                                p->contrast.x + (size_t)group * slices * image_floats(p), labels);
}

/* Choose slices for draw number `draw` and get this rank's. */
static fseg_status fetch_slices(fseg_pretrainer *p, const fseg_sampler *sampler, int step, int draw,
                                int volumes, int partitions)
{
    fseg_status status = fseg_sampler_choose(sampler, step, draw, volumes, partitions, p->choices);
    status = fseg_communicator_agree(p->communicator, status, NULL);
    return status == FSEG_OK
               ? fseg_sampler_windows(
                     sampler, p->context, p->choices, (size_t)fseg_pretrainer_slices(&p->options),
                     p->windows, p->options.variant == FSEG_VARIANT_CONSTRAINED ? p->labels : NULL)
               : status;
}

/* Choose slices and make the images of all views, grouped as contrast.h numbers them. */
static fseg_status make_images(fseg_pretrainer *p, const fseg_sampler *sampler, int step)
{
    const fseg_pretrainer_options *o = &p->options;
    const int by_partition =
        o->variant == FSEG_VARIANT_PARTITION || o->variant == FSEG_VARIANT_PARTITION_PAIRS;
    const int volumes = by_partition ? o->volumes : fseg_pretrainer_slices(o);
    const int partitions = by_partition ? o->partitions : 1;
    fseg_augment_options intensity = o->view_augment;
    intensity.affine_probability = intensity.elastic_probability =
        intensity.flip_horizontal_probability = 0.0;
    const fseg_augment_options *first = NULL, *second = &o->view_augment;
    int groups = 2;
    switch (o->variant) {
    case FSEG_VARIANT_SIMCLR:
    case FSEG_VARIANT_POSITION:
        first = &o->view_augment;
        break;
    case FSEG_VARIANT_LOCAL: /* places must match */
        first = second = &intensity;
        break;
    case FSEG_VARIANT_PARTITION:
        groups = 3;
        break;
    case FSEG_VARIANT_CONSTRAINED:
        groups = 1;
        break;
    case FSEG_VARIANT_PARTITION_PAIRS:
        break;
    }
    fseg_status status = fetch_slices(p, sampler, step, 0, volumes, partitions);
    for (int g = 0; g < groups && status == FSEG_OK; ++g)
        status = fill_view(p, sampler, step, g, g, g == 0 ? first : second);
    if (o->variant == FSEG_VARIANT_PARTITION_PAIRS) {
        status = fseg_communicator_agree(p->communicator, status, NULL);
        if (status == FSEG_OK)
            status = fetch_slices(p, sampler, step, 1, volumes, partitions);
        for (int g = 2; g < 4 && status == FSEG_OK; ++g)
            status = fill_view(p, sampler, step, g, g, g == 2 ? NULL : second);
    }
    return status;
}

static fseg_status make_pairs(fseg_pretrainer *p, fseg_pair_set *pairs)
{
    const fseg_pretrainer_options *o = &p->options;
    const size_t slices = (size_t)fseg_pretrainer_slices(o);
    switch (o->variant) {
    case FSEG_VARIANT_PARTITION:
        return fseg_pairs_partition(slices, 3, o->partitions, pairs);
    case FSEG_VARIANT_PARTITION_PAIRS:
        return fseg_pairs_partition_pairs(slices, o->partitions, pairs);
    case FSEG_VARIANT_POSITION:
        for (size_t i = 0; i < slices; ++i)
            p->positions[i] = p->choices[i].position;
        return fseg_pairs_position(slices, p->positions, o->position_threshold, pairs);
    case FSEG_VARIANT_LOCAL:
        return fseg_pairs_local(slices, pairs);
    default:
        return fseg_pairs_ntxent(slices, pairs);
    }
}

static fseg_status contrast_of_batch(fseg_pretrainer *p, const float *z, double *loss)
{
    fseg_contrast_options options = fseg_contrast_default_options();
    options.temperature = p->options.temperature;
    if (p->options.variant == FSEG_VARIANT_POSITION)
        options.form = FSEG_CONTRAST_SUPCON;
    if (p->ranks > 1)
        return fseg_pretrainer_shared_contrast(p, &options, make_pairs, z, p->contrast.dy, loss);
    fseg_pair_set pairs = {0};
    fseg_status status = make_pairs(p, &pairs);
    if (status == FSEG_OK)
        status = fseg_contrast_f32(&options, &pairs, z, fseg_head_output_count(p->contrast.head),
                                   fseg_head_output_dim(p->contrast.head), loss, p->contrast.dy);
    fseg_pair_set_free(&pairs);
    return status;
}

/* ---- constrained contrast: each image by itself ------------------------------------------------
 */

/* Sizes of an image's feature map and its vectors. */
typedef struct vector_grid {
    int height, width, patch; /* of the map; side of the squares that are flattened */
    size_t count, dim;
} vector_grid;

static vector_grid grid_of(const fseg_pretrainer_options *o)
{
    const int shrink = o->partial_decoder ? PATCH : 1;
    vector_grid g = {
        .height = o->height / shrink, .width = o->width / shrink, .patch = PATCH / shrink};
    g.count = (size_t)(g.height / g.patch) * (size_t)(g.width / g.patch);
    g.dim = (size_t)LOCAL_CHANNELS * (size_t)g.patch * (size_t)g.patch;
    return g;
}

/* map [64, height, width] <-> vectors [count, 64 patch patch]. */
static void walk_vectors(const vector_grid *g, float *map, float *vectors, int to_map)
{
    const int across = g->width / g->patch, square = g->patch * g->patch;
    for (size_t v = 0; v < g->count; ++v)
        for (size_t k = 0; k < g->dim; ++k) {
            const int c = (int)k / square, i = (int)k % square;
            const size_t y = v / (size_t)across * (size_t)g->patch + (size_t)(i / g->patch);
            const size_t x = v % (size_t)across * (size_t)g->patch + (size_t)(i % g->patch);
            float *at = map + ((size_t)c * (size_t)g->height + y) * (size_t)g->width + x;
            if (to_map)
                *at = vectors[v * g->dim + k];
            else
                vectors[v * g->dim + k] = *at;
        }
}

typedef struct constrained_job {
    fseg_pretrainer *p;
    int step;
    const float *y;
    double *losses;
    fseg_status *statuses;
} constrained_job;

/* Labels and foreground of the blocks, both [count]. */
static fseg_status reduce_maps(const fseg_pretrainer *p, size_t image, uint8_t *labels,
                               uint8_t *foreground, uint8_t *pixels)
{
    const fseg_pretrainer_options *o = &p->options;
    const size_t count = (size_t)o->height * (size_t)o->width;
    const float *x = p->contrast.x + image * image_floats(p); /* the first contrast */
    float low = x[0];
    for (size_t i = 1; i < count; ++i)
        low = x[i] < low ? x[i] : low;
    for (size_t i = 0; i < count; ++i)
        pixels[i] = x[i] > low;
    fseg_status status =
        fseg_block_majority(p->labels + image * count, o->height, o->width, PATCH, labels);
    if (status == FSEG_OK)
        status = fseg_block_majority(pixels, o->height, o->width, PATCH, foreground);
    return status;
}

static fseg_status constrained_image(const constrained_job *job, size_t image)
{
    fseg_pretrainer *p = job->p;
    const fseg_pretrainer_options *o = &p->options;
    const vector_grid g = grid_of(o);
    const size_t map = (size_t)LOCAL_CHANNELS * (size_t)g.height * (size_t)g.width;
    float *vectors = malloc(2 * g.count * g.dim * sizeof *vectors);
    uint8_t *bytes = malloc(2 * g.count + (size_t)o->height * (size_t)o->width);
    uint32_t *queries = malloc((size_t)o->queries * sizeof *queries);
    fseg_pair_set pairs = {0};
    fseg_status status = vectors && bytes && queries ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    float *dz = vectors + g.count * g.dim, *dy = p->contrast.dy + image * map;
    if (status == FSEG_OK)
        status = reduce_maps(p, image, bytes, bytes + g.count, bytes + 2 * g.count);
    if (status == FSEG_OK) {
        fseg_random random =
            fseg_random_create(o->seed, query_stream | (uint64_t)job->step << 20 |
                                            ((uint64_t)p->rank * (uint64_t)p->contrast.images +
                                             (uint64_t)image)); /* place in the whole batch */
        const size_t drawn =
            fseg_ccl_draw_queries(bytes + g.count, g.count, (size_t)o->queries, &random, queries);
        memcpy(dy, job->y + image * map, map * sizeof *dy);
        walk_vectors(&g, dy, vectors, 0);
        status =
            fseg_pairs_ccl_f32(&o->ccl, vectors, g.count, g.dim, bytes, queries, drawn, &pairs);
    }
    if (status == FSEG_OK) {
        const fseg_contrast_options options = {.form = o->set_wise ? FSEG_CONTRAST_SET_WISE
                                                                   : FSEG_CONTRAST_PAIRWISE,
                                               .temperature = o->temperature,
                                               .epsilon = 1e-7};
        status =
            fseg_contrast_f32(&options, &pairs, vectors, g.count, g.dim, &job->losses[image], dz);
        walk_vectors(&g, dy, dz, 1);
    }
    fseg_pair_set_free(&pairs);
    free(vectors);
    free(bytes);
    free(queries);
    return status;
}

static void constrained_task(void *user, size_t image)
{
    const constrained_job *job = user;
    job->statuses[image] = constrained_image(job, image);
}

/* This rank's part of the mean over the images of the batch. */
static fseg_status constrained_contrast(fseg_pretrainer *p, const float *y, int step, double *loss)
{
    const size_t images = (size_t)p->contrast.images;
    double *losses = calloc(images, sizeof *losses);
    fseg_status *statuses = calloc(images, sizeof *statuses);
    const double all = (double)images * (double)p->ranks;
    fseg_status status = losses && statuses ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    if (status == FSEG_OK) {
        constrained_job job = {p, step, y, losses, statuses};
        fseg_context_parallel(p->context, images, constrained_task, &job);
        *loss = 0.0;
        for (size_t i = 0; i < images; ++i) {
            *loss += losses[i] / all;
            status = status == FSEG_OK ? statuses[i] : status;
        }
        const size_t count =
            fseg_head_output_count(p->contrast.head) * fseg_head_output_dim(p->contrast.head);
        for (size_t i = 0; i < count; ++i)
            p->contrast.dy[i] /= (float)all;
    }
    free(losses);
    free(statuses);
    status = fseg_communicator_agree(p->communicator, status, NULL);
    if (status == FSEG_OK)
        status = fseg_communicator_sum_f64(p->communicator, loss, 1);
    return status;
}

static void note_culprit(fseg_pretrainer *p, const fseg_sampler *sampler, int step, const float *y)
{
    const size_t slices = (size_t)fseg_pretrainer_own_slices(p);
    const size_t images = (size_t)p->contrast.images;
    const size_t dim =
        fseg_head_output_count(p->contrast.head) * fseg_head_output_dim(p->contrast.head) / images;
    if (p->options.variant == FSEG_VARIANT_PARTITION_PAIRS) {
        /* The last two groups show the second draw, which is still there; the first two the first.
         */
        fseg_pretrainer_note_culprit(p, y + 2 * slices * dim, 2 * slices, dim, slices);
        if (p->has_culprit || fseg_sampler_choose(sampler, step, 0, p->options.volumes,
                                                  p->options.partitions, p->choices) != FSEG_OK)
            return;
        fseg_pretrainer_note_culprit(p, y, 2 * slices, dim, slices);
        return;
    }
    fseg_pretrainer_note_culprit(p, y, images, dim, slices);
}

fseg_status fseg_pretrainer_contrast(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                     double weight, double *loss)
{
    const float *y = NULL;
    fseg_status status = make_images(p, sampler, step);
    if (status == FSEG_OK)
        status = fseg_branch_forward(p, &p->contrast, &y);
    status = fseg_communicator_agree(p->communicator, status, NULL);
    if (status == FSEG_OK)
        status = p->options.variant == FSEG_VARIANT_CONSTRAINED
                     ? constrained_contrast(p, y, step, loss)
                     : contrast_of_batch(p, y, loss);
    if (status == FSEG_ERROR_NOT_FINITE && y)
        note_culprit(p, sampler, step, y);
    if (status != FSEG_OK)
        return status;
    const size_t count =
        fseg_head_output_count(p->contrast.head) * fseg_head_output_dim(p->contrast.head);
    for (size_t i = 0; i < count; ++i)
        p->contrast.dy[i] *= (float)weight;
    return fseg_branch_backward(p, &p->contrast);
}
