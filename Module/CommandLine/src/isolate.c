/* A command in a child process with limits. */
#include "isolate.h"
#include "program.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SECONDS 600.0
#define DEFAULT_MEGABYTES 4096.0

/* A positive number; false for anything else. */
static bool positive(const char *text, double *out)
{
    char *end = NULL;
    const double value = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(value > 0) || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

bool isolate_options(int *argc, char **argv, isolate_limits *out)
{
    *out = (isolate_limits){false, DEFAULT_SECONDS, DEFAULT_MEGABYTES};
    int used = 0;
    while (used + 1 < *argc && strncmp(argv[1 + used], "--isolate", 9) == 0) {
        const char *name = argv[1 + used];
        double *value = strcmp(name, "--isolate-seconds") == 0  ? &out->seconds
                        : strcmp(name, "--isolate-memory") == 0 ? &out->megabytes
                                                                : NULL;
        if (!value && strcmp(name, "--isolate") != 0) {
            break;
        }
        out->wanted = true;
        used++;
        if (value) {
            if (!positive(used + 1 < *argc ? argv[1 + used] : NULL, value)) {
                fprintf(stderr, "frugalseg: %s needs a number above 0.\n", name);
                return false;
            }
            used++;
        }
    }
    memmove(argv + 1, argv + 1 + used, (size_t)(*argc - used) * sizeof *argv);
    *argc -= used;
    return true;
}

static void limit_child(const isolate_limits *limits)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadow is terabytes   \
                                                                     */
    /* Memory for data, threads' stacks included; address space that cannot be written does not
     * count. */
    const rlim_t bytes = (rlim_t)(limits->megabytes * 1024 * 1024);
    const struct rlimit memory = {bytes, bytes};
    setrlimit(RLIMIT_DATA, &memory);
#endif
    /* A second net, should the parent have gone. */
    const rlim_t seconds = (rlim_t)ceil(limits->seconds * 64);
    const struct rlimit processor = {seconds, seconds};
    setrlimit(RLIMIT_CPU, &processor);
}

/* Wait for the child until the limit. True: it ended by itself, with `status` of waitpid. */
static bool wait_for(pid_t child, double seconds, int *status)
{
    const double end = program_seconds() + seconds;
    const struct timespec pause = {0, 5000000};
    bool told = false;
    for (;;) {
        const pid_t got = waitpid(child, status, WNOHANG);
        if (got == child) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            *status = 0;
            return true;
        }
        if (program_interrupted() && !told) {
            kill(child, SIGINT);
            told = true;
        }
        if (program_seconds() > end) {
            kill(child, SIGKILL);
            (void)waitpid(child, status, 0);
            return false;
        }
        nanosleep(&pause, NULL);
    }
}

int isolate_run(const isolate_limits *limits, int (*body)(int argc, char **argv), int argc,
                char **argv)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        fprintf(stderr,
                "frugalseg: The system refuses to start a process; close other programs.\n");
        return EXIT_INTERNAL;
    }
    if (child == 0) {
        limit_child(limits);
        return body(argc, argv);
    }
    int status = 0;
    if (!wait_for(child, limits->seconds, &status)) {
        fprintf(stderr,
                "frugalseg: The input took longer than %g seconds and was given up; it may be "
                "damaged. Give more time with --isolate-seconds.\n",
                limits->seconds);
        return EXIT_BAD_INPUT;
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    fprintf(stderr,
            "frugalseg: Reading the input ended with signal %d; it is probably damaged, or needs "
            "more than %g MB (--isolate-memory). Nothing was written.\n",
            WTERMSIG(status), limits->megabytes);
    return EXIT_BAD_INPUT;
}
