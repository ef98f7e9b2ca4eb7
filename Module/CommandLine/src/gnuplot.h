/* Pictures drawn by gnuplot, which is asked for by name and may be missing. */
#ifndef FRUGALSEG_GNUPLOT_H
#define FRUGALSEG_GNUPLOT_H

#include "frugalseg/status.h"

/*
 * Let gnuplot draw `script` (everything but terminal and output) to NAME.png and NAME.svg, each
 * atomically. FSEG_ERROR_NOT_FOUND with a sentence when there is no gnuplot.
 */
fseg_status gnuplot_draw(const char *script, const char *name, fseg_error *error);
/* The same as one PNG file of this size in pixels. */
fseg_status gnuplot_draw_png(const char *script, const char *path, int width, int height,
                             fseg_error *error);

#endif
