/* The picture of a run's log: loss and validation Dice against steps. */
#ifndef FRUGALSEG_RUN_PLOT_H
#define FRUGALSEG_RUN_PLOT_H

#include "frugalseg/status.h"

/* Draw the log of train, finetune or pretrain (JSON lines) to NAME.png and NAME.svg. A last line
 * that a killed run left half-written is passed over. */
fseg_status run_plot_write(const char *log, const char *name, fseg_error *error);
/* The same at the end of a run: a failure is a warning, the log stays. */
void run_plot_or_warn(const char *log, const char *name);

#endif
