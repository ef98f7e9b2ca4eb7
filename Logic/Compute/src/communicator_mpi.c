/* A communicator on MPI. The only file that includes it; a library by itself. */
#include "frugalseg/communicator_mpi.h"
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

/* MPI counts in int. */
enum { PIECE = 1 << 28 };

static fseg_status status_of(int code)
{
    return code == MPI_SUCCESS ? FSEG_OK : FSEG_ERROR_IO;
}

static fseg_status sum_f32(void *user, float *values, size_t count)
{
    (void)user;
    for (size_t at = 0; at < count; at += PIECE) {
        const int part = count - at < PIECE ? (int)(count - at) : PIECE;
        if (MPI_Allreduce(MPI_IN_PLACE, values + at, part, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD) !=
            MPI_SUCCESS)
            return FSEG_ERROR_IO;
    }
    return FSEG_OK;
}

static fseg_status sum_f64(void *user, double *values, size_t count)
{
    (void)user;
    for (size_t at = 0; at < count; at += PIECE) {
        const int part = count - at < PIECE ? (int)(count - at) : PIECE;
        if (MPI_Allreduce(MPI_IN_PLACE, values + at, part, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) !=
            MPI_SUCCESS)
            return FSEG_ERROR_IO;
    }
    return FSEG_OK;
}

static fseg_status gather(void *user, const void *mine, size_t bytes, void *all)
{
    (void)user;
    if (bytes > INT_MAX)
        return FSEG_ERROR_IO;
    return status_of(
        MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, MPI_COMM_WORLD));
}

/* Sizes as MPI wants them: counts and starts, [size] each. 0 when too large. */
static int to_counts(const size_t *bytes, int size, int *counts, int *starts)
{
    size_t at = 0;
    for (int r = 0; r < size; ++r) {
        if (bytes[r] > INT_MAX || at + bytes[r] > INT_MAX)
            return 0;
        counts[r] = (int)bytes[r];
        starts[r] = (int)at;
        at += bytes[r];
    }
    return 1;
}

static fseg_status exchange(void *user, const void *send, const size_t *send_bytes, void *receive,
                            const size_t *receive_bytes)
{
    const fseg_communicator *communicator = user;
    const int size = communicator->size;
    int *memory = malloc(4 * (size_t)size * sizeof *memory);
    if (!memory)
        return FSEG_ERROR_OUT_OF_MEMORY;
    int *const sc = memory, *const ss = sc + size, *const rc = ss + size, *const rs = rc + size;
    const fseg_status status =
        to_counts(send_bytes, size, sc, ss) && to_counts(receive_bytes, size, rc, rs)
            ? status_of(
                  MPI_Alltoallv(send, sc, ss, MPI_BYTE, receive, rc, rs, MPI_BYTE, MPI_COMM_WORLD))
            : FSEG_ERROR_IO;
    free(memory);
    return status;
}

static void abort_all(void *user, int code)
{
    (void)user;
    (void)MPI_Abort(MPI_COMM_WORLD, code);
}

static fseg_status fail(fseg_error *error, fseg_status status, const char *message)
{
    if (error) {
        error->status = status;
        snprintf(error->message, sizeof error->message, "%s", message);
    }
    return status;
}

fseg_status fseg_communicator_create_mpi(fseg_communicator **out, fseg_error *error)
{
    if (!out)
        return fail(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the communicator given");
    *out = NULL;
    int started = 0, provided = 0;
    if (MPI_Initialized(&started) != MPI_SUCCESS || started)
        return fail(error, FSEG_ERROR_INVALID_ARGUMENT, "MPI was started already");
    /* Worker threads compute; only the calling thread communicates. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED)
        return fail(error, FSEG_ERROR_UNSUPPORTED,
                    "MPI could not be started; start the program with mpirun");
    fseg_communicator *communicator = calloc(1, sizeof *communicator);
    if (!communicator) {
        (void)MPI_Finalize();
        return fail(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a communicator");
    }
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &communicator->rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &communicator->size);
    communicator->user = communicator;
    communicator->sum_f32 = sum_f32;
    communicator->sum_f64 = sum_f64;
    communicator->gather = gather;
    communicator->exchange = exchange;
    communicator->abort = abort_all;
    *out = communicator;
    return FSEG_OK;
}

void fseg_communicator_free_mpi(fseg_communicator *communicator)
{
    if (!communicator)
        return;
    (void)MPI_Finalize();
    free(communicator);
}
