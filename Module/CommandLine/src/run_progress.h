/* The progress line of a long run on a terminal: bar, loss, time left, memory. */
#ifndef FRUGALSEG_RUN_PROGRESS_H
#define FRUGALSEG_RUN_PROGRESS_H

#include "program.h"

typedef struct run_progress {
    bool show, shown;
    int first, steps; /* of this process: a resumed run begins later */
    double started, last;
    double loss; /* running mean */
} run_progress;

/* Nothing is shown when stderr is no terminal, or with --quiet. */
void run_progress_start(run_progress *progress, const program_common *common, int first, int steps);
/* After step number `step` (1 for the first). */
void run_progress_show(run_progress *progress, int step, double loss);
/* Remove the line, before anything else is printed. */
void run_progress_clear(run_progress *progress);

#endif
