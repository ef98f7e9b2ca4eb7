/* The parts of `frugalseg bench`: each measures one thing and appends it to the JSON result, from
 * which the table is printed. docs/user/command-line.md documents the keys. */
#ifndef FRUGALSEG_BENCH_H
#define FRUGALSEG_BENCH_H

#include "frugalseg/frugalseg.h"
#include "program.h"

typedef struct bench {
    const program_common *common;
    bool quick; /* tiny sizes, few repetitions: does it run, not how fast */
    int threads;
    const fseg_model *model;
    const char *model_path;
    double fma_gflops, bf16_gflops; /* peaks of this machine; 0 when not (yet) known */
    double copy_gb_s;
    program_progress progress;
    json_t *result;
} bench;

/* One repetition of what is timed. */
typedef fseg_status (*bench_body)(void *user, fseg_error *error);

/* Median of the seconds of `repetitions` calls, after one call that is not counted when `warm_up`.
 * Interruption by the user gives FSEG_ERROR_CANCELLED. */
fseg_status bench_time(bench *b, int repetitions, bool warm_up, bench_body body, void *user,
                       double *seconds, fseg_error *error);
double bench_median(double *values, size_t count);
/* Show what is being measured; FSEG_ERROR_CANCELLED after an interruption. */
fseg_status bench_stage(bench *b, double fraction, const char *stage, fseg_error *error);

/* Repeatable noise in [0, 1). */
void bench_fill(float *values, size_t count, uint64_t seed);
/* Context of one kernel family with the threads of the benchmark. */
fseg_status bench_context(const bench *b, fseg_isa isa, fseg_context **out, fseg_error *error);
/* Best single-precision family of this machine. */
fseg_isa bench_best_isa(void);
/* Peak to compare a family with: bfloat16 products for avx512bf16, else single precision. */
double bench_peak_of(const bench *b, fseg_isa isa);
/* A rounded number for the report: three decimals. */
json_t *bench_number(double value);

/* "click": a cold `frugalseg segment` from a DICOM folder to the SEG on disk. Runs first, while
 * this process is small: a child's peak memory starts from its parent's. */
fseg_status bench_click(bench *b, fseg_error *error);
/* "peak": multiply-adds per second of each family, copy bandwidth. */
fseg_status bench_peak(bench *b, fseg_error *error);
/* "operators": fast versions of the operator table at the sizes of the network's layers. */
fseg_status bench_operators(bench *b, fseg_error *error);
/* "layers": the nodes inside a running network. */
fseg_status bench_layers(bench *b, fseg_error *error);
/* "network" and "training": whole forward passes and optimizer steps. */
fseg_status bench_network(bench *b, fseg_error *error);
fseg_status bench_training(bench *b, fseg_error *error);

/* For people, on stdout. */
void bench_print(const json_t *result);

#endif
