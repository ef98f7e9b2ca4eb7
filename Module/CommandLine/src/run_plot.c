#include "run_plot.h"
#include "gnuplot.h"
#include "program.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct curve {
    double *x, *y;
    size_t count, capacity;
} curve;

/* A resumed run repeats steps: what was logged for them before no longer counts. */
static bool add_point(curve *c, double x, double y)
{
    while (c->count > 0 && c->x[c->count - 1] >= x) {
        c->count--;
    }
    if (c->count == c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 256;
        double *grown_x = realloc(c->x, capacity * sizeof *grown_x);
        c->x = grown_x ? grown_x : c->x;
        double *grown_y = realloc(c->y, capacity * sizeof *grown_y);
        c->y = grown_y ? grown_y : c->y;
        if (!grown_x || !grown_y) {
            return false;
        }
        c->capacity = capacity;
    }
    c->x[c->count] = x;
    c->y[c->count++] = y;
    return true;
}

/* One line of the log into the curves. Stages of a pretraining count their steps from 1; they are
 * drawn one after the other. */
static bool read_entry(const json_t *entry, curve *loss, curve *dice, json_int_t *stage,
                       double *offset)
{
    const char *event = json_string_value(json_object_get(entry, "event"));
    const json_t *step = json_object_get(entry, "step");
    const json_t *value = NULL;
    curve *to = NULL;
    if (event && strcmp(event, "steps") == 0) {
        const json_int_t now = json_integer_value(json_object_get(entry, "stage"));
        if (now > *stage && loss->count > 0 && *stage > 0) {
            *offset = loss->x[loss->count - 1];
        }
        *stage = now > *stage ? now : *stage;
        value = json_object_get(entry, "loss");
        to = loss;
    } else if (event && strcmp(event, "validation") == 0) {
        value = json_object_get(entry, "dice");
        to = dice;
    }
    return !to || !json_is_integer(step) || !json_is_number(value) ||
           add_point(to, *offset + json_number_value(step), json_number_value(value));
}

static fseg_status read_log(const char *path, curve *loss, curve *dice, fseg_error *error)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return fseg_error_set(error, errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_NOT_FOUND,
                              "The log '%.300s' %s; check the path.", path,
                              errno == EACCES ? "may not be read" : "does not exist");
    }
    char *line = NULL;
    size_t size = 0;
    json_int_t stage = 0;
    double offset = 0;
    fseg_status status = FSEG_OK;
    while (status == FSEG_OK && getline(&line, &size, file) >= 0) {
        json_t *entry = json_loads(line, 0, NULL); /* null for a broken line */
        if (!read_entry(entry, loss, dice, &stage, &offset)) {
            status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        }
        json_decref(entry);
    }
    free(line);
    fclose(file);
    if (status == FSEG_OK && loss->count == 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "'%.300s' holds no loss of any step; give a log that train, "
                                "finetune or pretrain wrote with --log.",
                                path);
    }
    return status;
}

static void write_block(FILE *script, const char *name, const curve *c)
{
    fprintf(script, "$%s << EOD\n", name);
    for (size_t i = 0; i < c->count; i++) {
        fprintf(script, "%.0f %.8g\n", c->x[i], c->y[i]);
    }
    fputs("EOD\n", script);
}

static fseg_status draw(const curve *loss, const curve *dice, const char *name, fseg_error *error)
{
    char *text = NULL;
    size_t length = 0;
    FILE *script = open_memstream(&text, &length);
    if (!script) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    write_block(script, "loss", loss);
    write_block(script, "dice", dice);
    fputs("set xlabel 'step'\nset ylabel 'loss'\nset grid\nset key top center\n"
          "set ytics nomirror\n",
          script);
    if (dice->count > 0) {
        fputs("set y2label 'Dice'\nset y2range [0:1]\nset y2tics 0.1\n"
              "plot $loss with lines lw 2 lc rgb '#1f77b4' title 'loss', "
              "$dice axes x1y2 with linespoints pt 7 lw 2 lc rgb '#d62728' "
              "title 'Dice of the validation cases'\n",
              script);
    } else {
        fputs("plot $loss with lines lw 2 lc rgb '#1f77b4' title 'loss'\n", script);
    }
    const bool written = fclose(script) == 0;
    const fseg_status status =
        written ? gnuplot_draw(text, name, error)
                : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    free(text);
    return status;
}

fseg_status run_plot_write(const char *log, const char *name, fseg_error *error)
{
    curve loss = {0}, dice = {0};
    fseg_status status = read_log(log, &loss, &dice, error);
    if (status == FSEG_OK) {
        status = draw(&loss, &dice, name, error);
    }
    free(loss.x);
    free(loss.y);
    free(dice.x);
    free(dice.y);
    return status;
}

void run_plot_or_warn(const char *log, const char *name)
{
    fseg_error error = {0};
    if (run_plot_write(log, name, &error) != FSEG_OK) {
        program_warn("%s The log is complete; 'frugalseg plot' draws it later.", error.message);
    }
}
