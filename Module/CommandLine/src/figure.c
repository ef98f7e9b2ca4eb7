#include "figure.h"
#include "gnuplot.h"
#include <stdbool.h>
#include <stdlib.h>

enum { PANEL = 190, TITLE = 30 };

fseg_status figure_begin(figure *f, int rows, int columns, fseg_error *error)
{
    *f = (figure){.rows = rows, .columns = columns};
    f->script = open_memstream(&f->text, &f->length);
    if (!f->script) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fprintf(f->script,
            "set multiplot layout %d,%d margins 0.01,0.99,0.01,%.3f spacing 0.012,%.3f\n"
            "unset tics\nunset border\nunset colorbox\nunset key\nset size ratio -1\n",
            rows, columns, 1 - (double)TITLE / (rows * (PANEL + TITLE)),
            (double)TITLE / (rows * (PANEL + TITLE)));
    return FSEG_OK;
}

void figure_add(figure *f, const char *title, const float *values, int height, int width,
                figure_palette palette)
{
    static const char *const palettes[] = {
        [FIGURE_GREY] = "set palette gray\nset cbrange [0:1]\n",
        [FIGURE_PAIRS] = "set palette defined (0 '#f4f4f4', 1 '#e39a9a', 2 '#1f6fb4', 3 'black')\n"
                         "set cbrange [0:3]\n",
        [FIGURE_LABELS] = "set palette model HSV functions gray*0.93,0.25+0.65*(int(gray*19)%2),"
                          "0.95\nset cbrange [0:19]\n"};
    fputs("set palette model RGB\n", f->script);
    fputs(palettes[palette], f->script);
    fprintf(f->script, "$panel%d << EOD\n", f->panels);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            fprintf(f->script, "%.4g ", (double)values[(size_t)y * (size_t)width + (size_t)x]);
        }
        fputc('\n', f->script);
    }
    fprintf(f->script,
            "EOD\nset title \"%s\" offset 0,-0.6\nset xrange [-0.5:%d.5]\nset yrange [%d.5:-0.5]\n"
            "plot $panel%d matrix with image\n",
            title, width - 1, height - 1, f->panels);
    f->panels++;
}

fseg_status figure_end(figure *f, const char *path, fseg_status status, fseg_error *error)
{
    if (!f->script) {
        return status;
    }
    fputs("unset multiplot\n", f->script);
    const bool written = fclose(f->script) == 0;
    if (status == FSEG_OK && !written) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (status == FSEG_OK) {
        status =
            gnuplot_draw_png(f->text, path, f->columns * PANEL, f->rows * (PANEL + TITLE), error);
    }
    free(f->text);
    *f = (figure){0};
    return status;
}
