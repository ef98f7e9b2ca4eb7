/* Figures of the theory pages: what the library does to images, drawn from the library itself. */
#ifndef FRUGALSEG_FIGURE_H
#define FRUGALSEG_FIGURE_H

#include "frugalseg/context.h"
#include <stdint.h>
#include <stdio.h>

/* A script of gnuplot that grows panel by panel. */
typedef struct figure {
    FILE *script;
    char *text;
    size_t length;
    int panels, columns, rows;
} figure;

typedef enum figure_palette {
    FIGURE_GREY,  /* 0 black to 1 white */
    FIGURE_PAIRS, /* 0 no pair, 1 negative, 2 positive, 3 anchor */
    FIGURE_LABELS /* 0 to 19 */
} figure_palette;

fseg_status figure_begin(figure *f, int rows, int columns, fseg_error *error);
/* The next panel, row by row: values [height, width]. */
void figure_add(figure *f, const char *title, const float *values, int height, int width,
                figure_palette palette);
/* Draw to `path` and release; also after a failure, which is passed on. */
fseg_status figure_end(figure *f, const char *path, fseg_status status, fseg_error *error);

/* figure_pairs.c: who is paired with whom, for every variant. */
fseg_status figure_draw_pairs(const char *path, fseg_error *error);

#endif
