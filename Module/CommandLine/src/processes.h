/* Several processes of the program, started by mpirun, that train one model together. */
#ifndef FRUGALSEG_PROCESSES_H
#define FRUGALSEG_PROCESSES_H

#include "frugalseg/communicator.h"
#include "program.h"

typedef struct program_processes {
    fseg_communicator *communicator; /* null: one process */
    void *library;                   /* frugalseg_mpi, loaded only when it is needed */
} program_processes;

/* Whether a launcher of MPI has started this process as one of several. */
bool program_is_launched_together(void);
/*
 * Join the other processes when a launcher of MPI has started this one. The MPI library is loaded
 * then and not before; a build without it is an error there, because each process would otherwise
 * write the same files. Processes but the first become quiet, and without --threads the processors
 * are shared among the processes of a machine.
 */
fseg_status program_processes_join(program_processes *processes, program_common *common,
                                   fseg_error *error);
/* Collective. */
void program_processes_leave(program_processes *processes);

static inline bool program_is_first(const program_processes *processes)
{
    return fseg_communicator_rank(processes->communicator) == 0;
}
/* Collective: the status and message of the first process that failed, for all; so that one of them
 * can tell the user. */
fseg_status program_processes_agree(const program_processes *processes, fseg_status status,
                                    fseg_error *error);
/* Collective: whether any of them was asked to stop. */
bool program_processes_interrupted(const program_processes *processes);

#endif
