/**
 * @file context.h
 * Execution context: worker threads and the kernels chosen for this processor.
 *
 * Thread rule: one context runs one call at a time; use one context per concurrent caller. Models
 * are read-only during inference and may be shared between contexts.
 */
#ifndef FRUGALSEG_CONTEXT_H
#define FRUGALSEG_CONTEXT_H

#include "communicator.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_context fseg_context;

/** Kernel families, in ascending order of what they need from the processor. */
typedef enum fseg_isa {
    FSEG_ISA_AUTO = 0, /**< the best that this processor has, or $FSEG_ISA when set */
    FSEG_ISA_PORTABLE, /**< plain C, any processor */
    FSEG_ISA_AVX2,     /**< AVX2 and FMA, 256-bit */
    FSEG_ISA_AVX512,   /**< AVX-512 F/VL/DQ/BW, 512-bit */
    /** The same with bfloat16 tensors and float sums in inference. Never chosen by itself: it
     *  rounds to 8 bits between layers. Training has an option of its own, fseg_precision. */
    FSEG_ISA_AVX512_BF16
} fseg_isa;

typedef struct fseg_context_options {
    int threads;  /**< 1 to 256; 0 = as many as the processor has */
    fseg_isa isa; /**< an ISA that the processor lacks gives FSEG_ERROR_UNSUPPORTED */
} fseg_context_options;
/** All threads, the best kernels of this processor, float32. */
fseg_context_options fseg_context_default_options(void);

/**
 * Create a context; `options` may be null for the defaults. The environment variable FSEG_ISA
 * (portable | avx2 | avx512 | avx512bf16) replaces FSEG_ISA_AUTO, for tests and benchmarks.
 */
fseg_status fseg_context_create(const fseg_context_options *options, fseg_context **out,
                                fseg_error *error);
void fseg_context_free(fseg_context *context);

/**
 * Let this process train together with others: trainers, pretrainers and samplers that get the
 * context then work on this rank's share of every batch, and their calls are collective. Set it
 * before they are made; the communicator must outlive the context. Null (default): one process.
 */
void fseg_context_set_communicator(fseg_context *context, fseg_communicator *communicator);
fseg_communicator *fseg_context_communicator(const fseg_context *context);
/** What the context got: number of threads, family of kernels. Any thread. */
int fseg_context_threads(const fseg_context *context);
fseg_isa fseg_context_isa(const fseg_context *context);
/** "portable", "avx2", "avx512" or "avx512bf16". */
const char *fseg_isa_name(fseg_isa isa);
/** Whether this processor can run the family. */
int fseg_isa_available(fseg_isa isa);

/** Element type of activations and their gradients in training. Weights, statistics, losses and the
 *  optimizer are float in either case, and so are all sums. */
typedef enum fseg_precision {
    FSEG_PRECISION_FLOAT32 = 0,
    FSEG_PRECISION_BFLOAT16 /**< 8 bits of mantissa, the exponents of float: no loss scaling */
} fseg_precision;

/** FSEG_OK where `context` can train in this precision, else FSEG_ERROR_UNSUPPORTED: bfloat16 needs
 *  a processor with AVX-512 BF16 and a context of FSEG_ISA_AVX512 or FSEG_ISA_AVX512_BF16. */
fseg_status fseg_context_check_precision(const fseg_context *context, fseg_precision precision,
                                         fseg_error *error);

/**
 * Run body(user, i) for i in 0..count-1 on the context's threads, the caller's included; returns
 * when all are done. Which thread takes which index is unspecified, so results may not depend on
 * it. Not reentrant.
 */
void fseg_context_parallel(fseg_context *context, size_t count, void (*body)(void *user, size_t i),
                           void *user);

#ifdef __cplusplus
}
#endif
#endif
