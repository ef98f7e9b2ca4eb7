/* Collective operations: one process, clock, agreement. */
#include "frugalseg/communicator.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

int fseg_communicator_rank(const fseg_communicator *communicator)
{
    return communicator ? communicator->rank : 0;
}

int fseg_communicator_size(const fseg_communicator *communicator)
{
    return communicator ? communicator->size : 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

fseg_status fseg_communicator_sum_f32(fseg_communicator *communicator, float *values, size_t count)
{
    if (fseg_communicator_size(communicator) == 1 || count == 0)
        return FSEG_OK;
    const double start = now();
    const fseg_status status = communicator->sum_f32(communicator->user, values, count);
    communicator->seconds += now() - start;
    return status;
}

fseg_status fseg_communicator_sum_f64(fseg_communicator *communicator, double *values, size_t count)
{
    if (fseg_communicator_size(communicator) == 1 || count == 0)
        return FSEG_OK;
    const double start = now();
    const fseg_status status = communicator->sum_f64(communicator->user, values, count);
    communicator->seconds += now() - start;
    return status;
}

fseg_status fseg_communicator_gather(fseg_communicator *communicator, const void *mine,
                                     size_t bytes, void *all)
{
    if (fseg_communicator_size(communicator) == 1) {
        memcpy(all, mine, bytes);
        return FSEG_OK;
    }
    const double start = now();
    const fseg_status status = communicator->gather(communicator->user, mine, bytes, all);
    communicator->seconds += now() - start;
    return status;
}

fseg_status fseg_communicator_exchange(fseg_communicator *communicator, const void *send,
                                       const size_t *send_bytes, void *receive,
                                       const size_t *receive_bytes)
{
    if (fseg_communicator_size(communicator) == 1) {
        if (send_bytes[0] > 0)
            memcpy(receive, send, send_bytes[0]);
        return FSEG_OK;
    }
    const double start = now();
    const fseg_status status =
        communicator->exchange(communicator->user, send, send_bytes, receive, receive_bytes);
    communicator->seconds += now() - start;
    return status;
}

fseg_status fseg_communicator_agree(fseg_communicator *communicator, fseg_status mine, int *rank)
{
    const int size = fseg_communicator_size(communicator);
    if (rank)
        *rank = mine == FSEG_OK ? -1 : 0;
    if (size == 1)
        return mine;
    /* A sum of "failed" flags needs no memory; who failed is asked only then. */
    double failed = mine != FSEG_OK;
    fseg_status status = fseg_communicator_sum_f64(communicator, &failed, 1);
    if (status != FSEG_OK || failed == 0.0)
        return status;
    double first = 0.0;
    for (int r = 0; r < size; ++r) {
        double code = r == communicator->rank ? (double)mine : 0.0;
        status = fseg_communicator_sum_f64(communicator, &code, 1);
        if (status != FSEG_OK)
            return status;
        if (code != 0.0) {
            if (rank)
                *rank = r;
            first = code;
            break;
        }
    }
    return (fseg_status)(int)first;
}
