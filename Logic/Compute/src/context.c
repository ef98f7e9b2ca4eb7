/*
 * Thread pool and choice of kernels.
 *
 * A network has some sixty parallel loops a pass, many of them shorter than the time it takes to
 * wake a sleeping thread. So whoever waits, a worker for work or the caller for the last worker,
 * first watches for up to SPIN_NS and only then sleeps.
 */
#include "context_internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPIN_NS = 200000, POLITE_NS = 20000 };

struct fseg_context {
    int threads;
    fseg_isa isa;
    const fseg_kernels *kernels, *inference_kernels;
    const fseg_tile_kernels *tile_kernels;
    fseg_communicator *communicator; /* null: one process */
    pthread_t *workers;              /* threads - 1 of them */
    int started;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    /* The current job, guarded by the mutex except for `next`. */
    void (*body)(void *user, size_t i);
    void *user;
    size_t count;
    size_t next;         /* taken with an atomic add */
    unsigned generation; /* number of the job; written under the mutex, watched without it */
    int active;          /* workers still in the job; atomic */
    int quit;            /* as generation */
};

static long nanoseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000000000L + (now.tv_nsec - start->tv_nsec);
}

/* Watch for up to SPIN_NS; after POLITE_NS leave the processor to whoever else wants it. */
static void watch(int (*ready)(const fseg_context *context, unsigned seen),
                  const fseg_context *context, unsigned seen)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long passed = 0; passed < SPIN_NS; passed = nanoseconds_since(&start)) {
        for (int i = 0; i < 32; ++i) {
            if (ready(context, seen))
                return;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        if (passed > POLITE_NS)
            sched_yield();
    }
}

static int has_work(const fseg_context *context, unsigned seen)
{
    return __atomic_load_n(&context->generation, __ATOMIC_ACQUIRE) != seen ||
           __atomic_load_n(&context->quit, __ATOMIC_ACQUIRE);
}

static int is_done(const fseg_context *context, unsigned seen)
{
    (void)seen;
    return __atomic_load_n(&context->active, __ATOMIC_ACQUIRE) == 0;
}

static void take_work(fseg_context *context, void (*body)(void *, size_t), void *user, size_t count)
{
    for (;;) {
        const size_t i = __atomic_fetch_add(&context->next, 1, __ATOMIC_RELAXED);
        if (i >= count)
            return;
        body(user, i);
    }
}

static void *worker_main(void *argument)
{
    fseg_context *context = argument;
    unsigned seen = 0;
    for (;;) {
        watch(has_work, context, seen);
        pthread_mutex_lock(&context->mutex);
        while (!has_work(context, seen))
            pthread_cond_wait(&context->work, &context->mutex);
        const int quit = context->quit;
        seen = context->generation;
        void (*body)(void *, size_t) = context->body;
        void *user = context->user;
        const size_t count = context->count;
        pthread_mutex_unlock(&context->mutex);
        if (quit)
            return NULL;
        take_work(context, body, user, count);
        if (__atomic_sub_fetch(&context->active, 1, __ATOMIC_ACQ_REL) == 0) {
            pthread_mutex_lock(&context->mutex);
            pthread_cond_signal(&context->done);
            pthread_mutex_unlock(&context->mutex);
        }
    }
}

void fseg_context_parallel(fseg_context *context, size_t count, void (*body)(void *user, size_t i),
                           void *user)
{
    if (count == 0)
        return;
    if (!context || context->threads == 1 || count == 1) {
        for (size_t i = 0; i < count; ++i)
            body(user, i);
        return;
    }
    pthread_mutex_lock(&context->mutex);
    context->body = body;
    context->user = user;
    context->count = count;
    __atomic_store_n(&context->next, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&context->active, context->started, __ATOMIC_RELAXED);
    __atomic_store_n(&context->generation, context->generation + 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&context->work);
    pthread_mutex_unlock(&context->mutex);
    take_work(context, body, user, count);
    watch(is_done, context, 0);
    pthread_mutex_lock(&context->mutex);
    while (!is_done(context, 0))
        pthread_cond_wait(&context->done, &context->mutex);
    pthread_mutex_unlock(&context->mutex);
}

fseg_context_options fseg_context_default_options(void)
{
    return (fseg_context_options){.threads = 0, .isa = FSEG_ISA_AUTO};
}

const char *fseg_isa_name(fseg_isa isa)
{
    switch (isa) {
    case FSEG_ISA_AUTO:
        return "auto";
    case FSEG_ISA_PORTABLE:
        return "portable";
    case FSEG_ISA_AVX2:
        return "avx2";
    case FSEG_ISA_AVX512:
        return "avx512";
    case FSEG_ISA_AVX512_BF16:
        return "avx512bf16";
    }
    return "unknown";
}

int fseg_isa_available(fseg_isa isa)
{
    switch (isa) {
    case FSEG_ISA_AUTO:
    case FSEG_ISA_PORTABLE:
        return 1;
    case FSEG_ISA_AVX2:
#ifdef FSEG_WITH_AVX2
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
        return 0;
#endif
    case FSEG_ISA_AVX512:
#ifdef FSEG_WITH_AVX512
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
#else
        return 0;
#endif
    case FSEG_ISA_AVX512_BF16:
#ifdef FSEG_WITH_AVX512
        return fseg_isa_available(FSEG_ISA_AVX512) && __builtin_cpu_supports("avx512bf16");
#else
        return 0;
#endif
    }
    return 0;
}

static const fseg_kernels *kernels_of(fseg_isa isa)
{
#ifdef FSEG_WITH_AVX512
    if (isa == FSEG_ISA_AVX512 || isa == FSEG_ISA_AVX512_BF16)
        return fseg_kernels_avx512();
#endif
#ifdef FSEG_WITH_AVX2
    if (isa == FSEG_ISA_AVX2)
        return fseg_kernels_avx2();
#endif
    (void)isa;
    return fseg_kernels_portable();
}

static const fseg_tile_kernels *tile_kernels_of(fseg_isa isa)
{
#ifdef FSEG_WITH_AVX512
    if (isa == FSEG_ISA_AVX512 || isa == FSEG_ISA_AVX512_BF16)
        return fseg_tile_kernels_avx512();
#endif
#ifdef FSEG_WITH_AVX2
    if (isa == FSEG_ISA_AVX2)
        return fseg_tile_kernels_avx2();
#endif
    (void)isa;
    return fseg_tile_kernels_portable();
}

static fseg_status choose_isa(fseg_isa wanted, fseg_isa *out, fseg_error *error)
{
    if (wanted == FSEG_ISA_AUTO) {
        const char *name = getenv("FSEG_ISA");
        if (name && *name) {
            for (int i = FSEG_ISA_PORTABLE; i <= FSEG_ISA_AVX512_BF16; ++i)
                if (strcmp(name, fseg_isa_name((fseg_isa)i)) == 0)
                    wanted = (fseg_isa)i;
            if (wanted == FSEG_ISA_AUTO)
                return fseg_error_set(
                    error, FSEG_ERROR_INVALID_ARGUMENT,
                    "FSEG_ISA is \"%s\"; use portable, avx2, avx512 or avx512bf16", name);
        } else {
            wanted = FSEG_ISA_AVX512;
            while (!fseg_isa_available(wanted))
                wanted = (fseg_isa)(wanted - 1);
        }
    }
    if (wanted < FSEG_ISA_PORTABLE || wanted > FSEG_ISA_AVX512_BF16)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "unknown kernel family %d",
                              (int)wanted);
    if (!fseg_isa_available(wanted))
        return fseg_error_set(error, FSEG_ERROR_UNSUPPORTED,
                              "this processor or build has no %s kernels; use portable",
                              fseg_isa_name(wanted));
    *out = wanted;
    return FSEG_OK;
}

int fseg_context_usual_threads(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

fseg_status fseg_context_create(const fseg_context_options *options, fseg_context **out,
                                fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the context given");
    *out = NULL;
    const fseg_context_options o = options ? *options : fseg_context_default_options();
    if (o.threads < 0 || o.threads > MAX_THREADS)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "%d threads asked for; 0 (all) to %d are possible", o.threads,
                              MAX_THREADS);
    fseg_isa isa = FSEG_ISA_PORTABLE;
    const fseg_status status = choose_isa(o.isa, &isa, error);
    if (status != FSEG_OK)
        return status;
    fseg_context *context = calloc(1, sizeof *context);
    if (!context)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a context");
    context->threads = o.threads ? o.threads : fseg_context_usual_threads();
    context->isa = isa;
    context->kernels = context->inference_kernels = kernels_of(isa);
    context->tile_kernels = tile_kernels_of(isa);
#ifdef FSEG_WITH_AVX512
    if (isa == FSEG_ISA_AVX512_BF16)
        context->inference_kernels = fseg_kernels_avx512bf16();
#endif
    pthread_mutex_init(&context->mutex, NULL);
    pthread_cond_init(&context->work, NULL);
    pthread_cond_init(&context->done, NULL);
    if (context->threads > 1) {
        context->workers = calloc((size_t)context->threads - 1, sizeof *context->workers);
        if (!context->workers) {
            fseg_context_free(context);
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                  "not enough memory for a context");
        }
        for (int i = 0; i < context->threads - 1; ++i) {
            if (pthread_create(&context->workers[i], NULL, worker_main, context) != 0) {
                fseg_context_free(context);
                return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                      "the system refuses to start %d threads; ask for fewer",
                                      o.threads);
            }
            ++context->started;
        }
    }
    *out = context;
    return FSEG_OK;
}

void fseg_context_free(fseg_context *context)
{
    if (!context)
        return;
    pthread_mutex_lock(&context->mutex);
    __atomic_store_n(&context->quit, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&context->work);
    pthread_mutex_unlock(&context->mutex);
    for (int i = 0; i < context->started; ++i)
        pthread_join(context->workers[i], NULL);
    pthread_cond_destroy(&context->done);
    pthread_cond_destroy(&context->work);
    pthread_mutex_destroy(&context->mutex);
    free(context->workers);
    free(context);
}

void fseg_context_set_communicator(fseg_context *context, fseg_communicator *communicator)
{
    if (context)
        context->communicator = communicator;
}

fseg_communicator *fseg_context_communicator(const fseg_context *context)
{
    return context ? context->communicator : NULL;
}

int fseg_context_threads(const fseg_context *context)
{
    return context ? context->threads : 1;
}

fseg_isa fseg_context_isa(const fseg_context *context)
{
    return context ? context->isa : FSEG_ISA_PORTABLE;
}

const fseg_kernels *fseg_context_kernels(const fseg_context *context)
{
    return context ? context->kernels : fseg_kernels_portable();
}

const fseg_kernels *fseg_context_bfloat16_kernels(const fseg_context *context)
{
#ifdef FSEG_WITH_AVX512
    if (context && context->isa >= FSEG_ISA_AVX512 && fseg_isa_available(FSEG_ISA_AVX512_BF16))
        return fseg_kernels_avx512bf16();
#endif
    (void)context;
    return NULL;
}

fseg_status fseg_context_check_precision(const fseg_context *context, fseg_precision precision,
                                         fseg_error *error)
{
    if (precision == FSEG_PRECISION_FLOAT32)
        return FSEG_OK;
    if (precision != FSEG_PRECISION_BFLOAT16)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "unknown precision %d",
                              (int)precision);
    if (fseg_context_bfloat16_kernels(context))
        return FSEG_OK;
    if (!fseg_isa_available(FSEG_ISA_AVX512_BF16))
        return fseg_error_set(
            error, FSEG_ERROR_UNSUPPORTED,
            "training in bfloat16 needs a processor with AVX-512 BF16, which this "
            "one or this build lacks; use float32");
    return fseg_error_set(error, FSEG_ERROR_UNSUPPORTED,
                          "training in bfloat16 needs the avx512 kernels and the %s ones are "
                          "chosen; use float32",
                          fseg_isa_name(fseg_context_isa(context)));
}

const fseg_kernels *fseg_context_inference_kernels(const fseg_context *context)
{
    return context ? context->inference_kernels : fseg_kernels_portable();
}

const fseg_tile_kernels *fseg_context_tile_kernels(const fseg_context *context)
{
    return context ? context->tile_kernels : fseg_tile_kernels_portable();
}
