/* frugalseg synth --anatomy pelvis: its own options, one scan or a set of labelled cases. */
#ifndef FRUGALSEG_SYNTH_PELVIS_H
#define FRUGALSEG_SYNTH_PELVIS_H

#include "program.h"

/* Whether the arguments ask for the pelvis. */
bool synth_wants_pelvis(int argc, char **argv);
int synth_pelvis_run(int argc, char **argv);

#endif
