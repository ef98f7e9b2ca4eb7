/**
 * @file communicator_mpi.h
 * A communicator on MPI, in the library frugalseg_mpi (built with FRUGALSEG_MPI; the only part that
 * needs MPI).
 */
#ifndef FRUGALSEG_COMMUNICATOR_MPI_H
#define FRUGALSEG_COMMUNICATOR_MPI_H

#include "communicator.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Start MPI and take all processes of the job; once a process. Only the calling thread may use the
 *  communicator. */
fseg_status fseg_communicator_create_mpi(fseg_communicator **out, fseg_error *error);
/** End MPI; collective. */
void fseg_communicator_free_mpi(fseg_communicator *communicator);

#ifdef __cplusplus
}
#endif
#endif
