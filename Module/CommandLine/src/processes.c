#include "processes.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libfrugalseg_mpi.so"

/* What launchers of MPI tell a process: Open MPI, MPICH and Intel, PMIx. */
bool program_is_launched_together(void)
{
    const char *const sizes[] = {getenv("OMPI_COMM_WORLD_SIZE"), getenv("PMI_SIZE")};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i]) {
            return atoi(sizes[i]) > 1;
        }
    }
    return getenv("PMIX_RANK") != NULL;
}

static int processes_of_this_machine(void)
{
    const char *const sizes[] = {getenv("OMPI_COMM_WORLD_LOCAL_SIZE"), getenv("MPI_LOCALNRANKS")};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] && atoi(sizes[i]) > 0) {
            return atoi(sizes[i]);
        }
    }
    return 1;
}

/* Beside the program, in lib or in the same folder. MPI finds its own
 * parts among the symbols of the program only when they are global. */
static void *load_library(void)
{
    static const char *const places[] = {"../lib/" LIBRARY, LIBRARY};
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 64);
    void *library = NULL;
    if (length > 0) {
        self[length] = '\0';
        char *name = strrchr(self, '/') + 1;
        for (size_t i = 0; i < sizeof places / sizeof *places && !library; i++) {
            strcpy(name, places[i]);
            library = dlopen(self, RTLD_NOW | RTLD_GLOBAL);
        }
    }
    return library;
}

typedef fseg_status (*create_function)(fseg_communicator **, fseg_error *);
typedef void (*free_function)(fseg_communicator *);

fseg_status program_processes_join(program_processes *processes, program_common *common,
                                   fseg_error *error)
{
    *processes = (program_processes){0};
    if (!program_is_launched_together()) {
        return FSEG_OK;
    }
    processes->library = load_library();
    create_function create = NULL;
    if (processes->library) {
        /* ISO C has no conversion of object to function pointers; POSIX does. */
        *(void **)&create = dlsym(processes->library, "fseg_communicator_create_mpi");
    }
    if (!create) {
        return fseg_error_set(error, FSEG_ERROR_UNSUPPORTED,
                              "This program was built without MPI, so it cannot run as several "
                              "processes; start it without mpirun, or build with "
                              "-DFRUGALSEG_MPI=ON.");
    }
    const fseg_status status = create(&processes->communicator, error);
    if (status != FSEG_OK) {
        return status;
    }
    if (!program_is_first(processes)) {
        common->quiet = true;
    }
    if (common->threads == 0) {
        const long all = sysconf(_SC_NPROCESSORS_ONLN) / processes_of_this_machine();
        common->threads = all < 1 ? 1 : all > 256 ? 256 : (int)all;
    }
    return FSEG_OK;
}

void program_processes_leave(program_processes *processes)
{
    free_function leave = NULL;
    if (processes->library) {
        *(void **)&leave = dlsym(processes->library, "fseg_communicator_free_mpi");
    }
    if (leave) {
        leave(processes->communicator);
    }
    /* The library stays: MPI leaves threads and exit handlers behind. */
    *processes = (program_processes){0};
}

fseg_status program_processes_agree(const program_processes *processes, fseg_status status,
                                    fseg_error *error)
{
    fseg_communicator *communicator = processes->communicator;
    if (!communicator) {
        return status;
    }
    int rank;
    const fseg_status agreed = fseg_communicator_agree(communicator, status, &rank);
    if (agreed == FSEG_OK) {
        return FSEG_OK;
    }
    char mine[sizeof error->message] = "";
    char *all = calloc((size_t)communicator->size, sizeof mine);
    if (status != FSEG_OK) {
        snprintf(mine, sizeof mine, "%s", error->message);
    }
    /* Room for all messages is small; without it this process cannot go on in any case. */
    if (!all) {
        communicator->abort(communicator->user, EXIT_INTERNAL);
        return agreed;
    }
    if (fseg_communicator_gather(communicator, mine, sizeof mine, all) == FSEG_OK && rank >= 0) {
        fseg_error_set(error, agreed, "%s", all + (size_t)rank * sizeof mine);
    }
    free(all);
    return agreed;
}

bool program_processes_interrupted(const program_processes *processes)
{
    double asked = program_interrupted();
    if (processes->communicator &&
        fseg_communicator_sum_f64(processes->communicator, &asked, 1) != FSEG_OK) {
        return true;
    }
    return asked > 0;
}
