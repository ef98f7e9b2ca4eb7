/* What this machine can do at most: multiply-adds from registers, and copying memory. */
#include "bench.h"
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Enough independent sums to fill two multiply-add units of latency 4 or 5. They are variables, not
 * an array, so that they stay in registers. */
enum { SUMS = 12, ROUNDS_PER_CALL = 1 << 21, QUICK_ROUNDS = 1 << 14 };

/* Each kernel does `rounds` x SUMS x lanes multiply-adds and returns a value that depends on all of
 * them, so that none is optimized away. */
typedef float (*peak_kernel)(long rounds);

#define EACH_SUM(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)

#if defined(__x86_64__)
typedef float lanes4 __attribute__((vector_size(16)));

/* The empty assembly keeps the compiler from merging or dropping rounds. */
#define STEP_PORTABLE(i)                                                                           \
    s##i = s##i * a + c;                                                                           \
    __asm__ volatile("" : "+x"(s##i));
#define STEP_FMA256(i)                                                                             \
    s##i = _mm256_fmadd_ps(s##i, a, c);                                                            \
    __asm__ volatile("" : "+x"(s##i));
#define STEP_FMA512(i)                                                                             \
    s##i = _mm512_fmadd_ps(s##i, a, c);                                                            \
    __asm__ volatile("" : "+v"(s##i));
#define STEP_BF16(i)                                                                               \
    s##i = _mm512_dpbf16_ps(s##i, a, a);                                                           \
    __asm__ volatile("" : "+v"(s##i));
#define START4(i) lanes4 s##i = a;
#define START256(i) __m256 s##i = a;
#define START512(i) __m512 s##i = start;
#define FIRST4(i) total += s##i[0];
#define FIRST256(i) total += _mm256_cvtss_f32(s##i);
#define FIRST512(i) total += _mm512_cvtss_f32(s##i);

static float peak_portable(long rounds)
{
    /* Baseline x86-64 has no fused multiply-add: a product and a sum. */
    const lanes4 a = {0.999f, 0.999f, 0.999f, 0.999f}, c = {1e-3f, 1e-3f, 1e-3f, 1e-3f};
    EACH_SUM(START4)
    for (long r = 0; r < rounds; r++) {
        EACH_SUM(STEP_PORTABLE)
    }
    float total = 0;
    EACH_SUM(FIRST4)
    return total;
}

__attribute__((target("avx2,fma"))) static float peak_avx2(long rounds)
{
    const __m256 a = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(1e-3f);
    EACH_SUM(START256)
    for (long r = 0; r < rounds; r++) {
        EACH_SUM(STEP_FMA256)
    }
    float total = 0;
    EACH_SUM(FIRST256)
    return total;
}

__attribute__((target("avx512f"))) static float peak_avx512(long rounds)
{
    const __m512 a = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(1e-3f), start = a;
    EACH_SUM(START512)
    for (long r = 0; r < rounds; r++) {
        EACH_SUM(STEP_FMA512)
    }
    float total = 0;
    EACH_SUM(FIRST512)
    return total;
}

__attribute__((target("avx512f,avx512bf16"))) static float peak_bf16(long rounds)
{
    const __m512 start = _mm512_set1_ps(1e-2f);
    const __m512bh a = _mm512_cvtne2ps_pbh(start, start);
    EACH_SUM(START512)
    for (long r = 0; r < rounds; r++) {
        EACH_SUM(STEP_BF16)
    }
    float total = 0;
    EACH_SUM(FIRST512)
    return total;
}

static const struct {
    peak_kernel kernel;
    fseg_isa isa;
    int lanes; /* products per instruction */
} kernels[] = {
    {peak_portable, FSEG_ISA_PORTABLE, 4},
    {peak_avx2, FSEG_ISA_AVX2, 8},
    {peak_avx512, FSEG_ISA_AVX512, 16},
    {peak_bf16, FSEG_ISA_AVX512_BF16, 32},
};
#else
static float peak_portable(long rounds)
{
    float sums[4 * SUMS];
    for (int i = 0; i < 4 * SUMS; i++) {
        sums[i] = 1;
    }
    for (long r = 0; r < rounds; r++) {
        for (int i = 0; i < 4 * SUMS; i++) {
            sums[i] = sums[i] * 0.999f + 1e-3f;
        }
    }
    float total = 0;
    for (int i = 0; i < 4 * SUMS; i++) {
        total += sums[i];
    }
    return total;
}

static const struct {
    peak_kernel kernel;
    fseg_isa isa;
    int lanes;
} kernels[] = {{peak_portable, FSEG_ISA_PORTABLE, 4}};
#endif

typedef struct peak_run {
    fseg_context *context;
    peak_kernel kernel;
    long rounds;
    volatile float sink;
} peak_run;

static void peak_thread(void *user, size_t i)
{
    peak_run *run = user;
    (void)i;
    run->sink = run->kernel(run->rounds);
}

static fseg_status peak_once(void *user, fseg_error *error)
{
    peak_run *run = user;
    (void)error;
    fseg_context_parallel(run->context, (size_t)fseg_context_threads(run->context), peak_thread,
                          run);
    return FSEG_OK;
}

typedef struct copy_run {
    fseg_context *context;
    char *from, *to;
    size_t bytes; /* per thread */
} copy_run;

static void copy_thread(void *user, size_t i)
{
    const copy_run *run = user;
    memcpy(run->to + i * run->bytes, run->from + i * run->bytes, run->bytes);
}

static fseg_status copy_once(void *user, fseg_error *error)
{
    copy_run *run = user;
    (void)error;
    fseg_context_parallel(run->context, (size_t)fseg_context_threads(run->context), copy_thread,
                          run);
    return FSEG_OK;
}

static fseg_status measure_copy(bench *b, fseg_context *context, fseg_error *error)
{
    const size_t threads = (size_t)fseg_context_threads(context);
    copy_run run = {.context = context};
    run.bytes = ((size_t)(b->quick ? 4 : 256) << 20) / threads;
    run.from = malloc(run.bytes * threads);
    run.to = malloc(run.bytes * threads);
    fseg_status status = FSEG_OK;
    double seconds = 0;
    if (!run.from || !run.to) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    } else {
        memset(run.from, 1, run.bytes * threads);
        status = bench_time(b, b->quick ? 1 : 9, true, copy_once, &run, &seconds, error);
    }
    if (status == FSEG_OK) {
        b->copy_gb_s = 2e-9 * (double)(run.bytes * threads) / seconds;
    }
    free(run.from);
    free(run.to);
    return status;
}

fseg_status bench_peak(bench *b, fseg_error *error)
{
    fseg_context *context = NULL;
    json_t *families = json_object();
    fseg_status status = bench_context(b, FSEG_ISA_PORTABLE, &context, error);
    for (size_t k = 0; status == FSEG_OK && k < sizeof kernels / sizeof *kernels; k++) {
        if (!fseg_isa_available(kernels[k].isa)) {
            continue;
        }
        peak_run run = {.context = context,
                        .kernel = kernels[k].kernel,
                        .rounds = b->quick ? QUICK_ROUNDS : ROUNDS_PER_CALL};
        double seconds = 0;
        status = bench_stage(b, 0.3, "peak", error);
        if (status == FSEG_OK) {
            status = bench_time(b, b->quick ? 1 : 9, true, peak_once, &run, &seconds, error);
        }
        if (status == FSEG_OK) {
            const double gflops = 2e-9 * (double)run.rounds * SUMS * kernels[k].lanes *
                                  fseg_context_threads(context) / seconds;
            json_object_set_new(families, fseg_isa_name(kernels[k].isa), bench_number(gflops));
            if (kernels[k].isa == FSEG_ISA_AVX512_BF16) {
                b->bf16_gflops = gflops;
            } else if (gflops > b->fma_gflops) {
                b->fma_gflops = gflops;
            }
        }
    }
    if (status == FSEG_OK) {
        status = measure_copy(b, context, error);
    }
    if (status == FSEG_OK) {
        json_object_set_new(
            b->result, "peak",
            json_pack("{s:o, s:o, s:o, s:o}", "fma_gflops", bench_number(b->fma_gflops),
                      "bf16_gflops",
                      b->bf16_gflops > 0 ? bench_number(b->bf16_gflops) : json_null(), "copy_gb_s",
                      bench_number(b->copy_gb_s), "families", json_incref(families)));
    }
    json_decref(families);
    fseg_context_free(context);
    return status;
}
