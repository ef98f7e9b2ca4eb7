/* frugalseg synth --anatomy torso: a person, any spin echo, artefacts, enhanced objects. */
#ifndef FRUGALSEG_SYNTH_TORSO_H
#define FRUGALSEG_SYNTH_TORSO_H

#include "program.h"

/* Whether the arguments ask for the torso. */
bool synth_wants_torso(int argc, char **argv);
int synth_torso_run(int argc, char **argv);

#endif
