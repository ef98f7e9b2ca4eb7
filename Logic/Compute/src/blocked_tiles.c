/* Tasks with scratch, sources that are normalized on the way in, and pooling of them. */
#include "blocked_tiles.h"

typedef struct slots {
    void (*task)(void *user, size_t i, float *scratch);
    void *user;
    float *scratch;
    size_t slot_floats, count;
    size_t next; /* taken with an atomic add */
} slots;

/* One thread: tasks until there are no more. */
static void run_slot(void *user, size_t slot)
{
    slots *s = user;
    for (;;) {
        const size_t i = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
        if (i >= s->count)
            return;
        s->task(s->user, i, s->scratch + slot * s->slot_floats);
    }
}

void fseg_tiles_run(fseg_context *context, size_t count, float *scratch, size_t slot_floats,
                    void (*task)(void *user, size_t i, float *scratch), void *user)
{
    const size_t threads = (size_t)fseg_context_threads(context);
    slots s = {
        .task = task, .user = user, .scratch = scratch, .slot_floats = slot_floats, .count = count};
    fseg_context_parallel(context, count < threads ? count : threads, run_slot, &s);
}

fseg_norm_map fseg_normed_map(const fseg_normed *source, int image, size_t block)
{
    const size_t at =
        ((size_t)image * fseg_blocked_blocks(source->x.channels) + block) * FSEG_BLOCK;
    return (fseg_norm_map){.scale = source->scale + at, .shift = source->shift + at, .floor = 0.0f};
}

/* ---- pooling -------------------------------------------------------------------------------- */

enum { POOL_ROWS = 8 };

typedef struct pool_job {
    const fseg_tile_kernels *kernels;
    const fseg_normed *x;
    const fseg_blocked *y;
    size_t parts; /* of the rows of a plane */
} pool_job;

static void pool_task(void *user, size_t index)
{
    const pool_job *job = user;
    const size_t plane = index / job->parts, part = index % job->parts;
    const size_t blocks = fseg_blocked_blocks(job->y->channels), height = (size_t)job->y->height;
    const fseg_norm_map map = fseg_normed_map(job->x, (int)(plane / blocks), plane % blocks);
    job->kernels->norm_max_pool(
        fseg_blocked_plane_at(&job->x->x, plane), map, fseg_blocked_plane_at(job->y, plane),
        job->y->width, (int)(height * part / job->parts), (int)(height * (part + 1) / job->parts));
}

void fseg_blocked_normed_max_pool(fseg_context *context, const fseg_normed *x,
                                  const fseg_blocked *y)
{
    pool_job job = {.kernels = fseg_context_tile_kernels(context),
                    .x = x,
                    .y = y,
                    .parts = (size_t)((y->height + POOL_ROWS - 1) / POOL_ROWS)};
    fseg_context_parallel(context, (size_t)y->n * fseg_blocked_blocks(y->channels) * job.parts,
                          pool_task, &job);
}
