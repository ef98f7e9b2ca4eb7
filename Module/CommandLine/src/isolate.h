/* A command in a child process with limits: a file that crashes a reader costs one call, and gives
 * one sentence. `frugalseg --isolate COMMAND ...` */
#ifndef FRUGALSEG_ISOLATE_H
#define FRUGALSEG_ISOLATE_H

#include <stdbool.h>

typedef struct isolate_limits {
    bool wanted;
    double seconds;   /* of the clock; then the child is ended */
    double megabytes; /* of memory that it may take */
} isolate_limits;

/* Take --isolate, --isolate-seconds N and --isolate-memory MB from the front of the arguments; they
 * are removed from argv. False, with a sentence on stderr: a value cannot be used. */
bool isolate_options(int *argc, char **argv, isolate_limits *out);

/* Run `body` in a child and return its exit code. A child that crashes or takes too long gives
 * EXIT_BAD_INPUT. Call it before any thread has been started. */
int isolate_run(const isolate_limits *limits, int (*body)(int argc, char **argv), int argc,
                char **argv);

#endif
