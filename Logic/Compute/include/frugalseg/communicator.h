/**
 * @file communicator.h
 * Several processes (ranks) that train one model together, each on its share of every batch.
 *
 * A communicator is a table of collective operations. The library has none of its own: a null
 * communicator means one process, and then every operation below does nothing or copies. One on
 * MPI is made by communicator_mpi.h, in a library apart, so that this one needs no MPI; tests make
 * one of threads. Give it to a context (fseg_context_set_communicator); trainer, pretrainer and
 * sampler take it from there.
 *
 * Collective: all ranks must call the same operations in the same order. Code that can fail on one
 * rank alone lets all ranks agree (fseg_communicator_agree) before the next operation, so that none
 * waits for ever. A communicator is used by one thread at a time.
 */
#ifndef FRUGALSEG_COMMUNICATOR_H
#define FRUGALSEG_COMMUNICATOR_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_communicator {
    int rank, size; /**< 0 <= rank < size */
    void *user;     /**< given to every operation */
    /** Sums over the ranks, in place; all ranks receive the same bytes. */
    fseg_status (*sum_f32)(void *user, float *values, size_t count);
    fseg_status (*sum_f64)(void *user, double *values, size_t count);
    /** `bytes` of each rank, the same number everywhere -> all [size, bytes] in rank order. */
    fseg_status (*gather)(void *user, const void *mine, size_t bytes, void *all);
    /** send_bytes[r] bytes to rank r, which lie one after the other in `send`; receive_bytes[r]
     *  from rank r likewise. */
    fseg_status (*exchange)(void *user, const void *send, const size_t *send_bytes, void *receive,
                            const size_t *receive_bytes);
    /** End all ranks with this exit code, without waiting for them; does not return. */
    void (*abort)(void *user, int code);
    double seconds; /**< spent in the operations so far, waiting for slower ranks included */
} fseg_communicator;

/** 0 and 1 for a null communicator. */
int fseg_communicator_rank(const fseg_communicator *communicator);
int fseg_communicator_size(const fseg_communicator *communicator);

/** The operations; a failure is FSEG_ERROR_IO. They add to `seconds`. */
fseg_status fseg_communicator_sum_f32(fseg_communicator *communicator, float *values, size_t count);
fseg_status fseg_communicator_sum_f64(fseg_communicator *communicator, double *values,
                                      size_t count);
fseg_status fseg_communicator_gather(fseg_communicator *communicator, const void *mine,
                                     size_t bytes, void *all);
fseg_status fseg_communicator_exchange(fseg_communicator *communicator, const void *send,
                                       const size_t *send_bytes, void *receive,
                                       const size_t *receive_bytes);
/** The status of the first rank that is not FSEG_OK, the same on all ranks; `*rank` (may be null)
 *  says which, or -1. */
fseg_status fseg_communicator_agree(fseg_communicator *communicator, fseg_status mine, int *rank);

#ifdef __cplusplus
}
#endif
#endif
