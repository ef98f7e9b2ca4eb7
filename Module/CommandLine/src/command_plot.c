/* frugalseg plot: the picture of a run's log. */
#include "program.h"
#include "run_plot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The log's path without its ending. */
static char *default_name(const char *log)
{
    const char *slash = strrchr(log, '/'), *dot = strrchr(log, '.');
    const bool has_ending = dot && dot != log && (!slash || dot > slash + 1);
    return has_ending ? strndup(log, (size_t)(dot - log)) : strdup(log);
}

static int run_plot(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    const char *out = NULL;
    const program_option options[] = {
        {"out", OPTION_TEXT, &out, 0, 0, "NAME",
         "write NAME.png and NAME.svg (default: the log's name)"},
    };
    int first = 0;
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 1,
                                              argc, argv, &common, &first);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (first >= argc) {
        return program_usage(self, &common, "plot needs the log of a run.");
    }
    fseg_error error = {0};
    char *name = out ? strdup(out) : default_name(argv[first]);
    const fseg_status status =
        name ? run_plot_write(argv[first], name, &error)
             : fseg_error_set(&error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    int code;
    if (status != FSEG_OK) {
        code = program_fail_error(&common, &error);
    } else if (common.json) {
        code = program_print_json(json_pack("{s:s, s:s+, s:s+}", "notice", PROGRAM_NOTICE, "png",
                                            name, ".png", "svg", name, ".svg"));
    } else {
        printf("%s.png\n%s.svg\n", name, name);
        code = EXIT_OK;
    }
    free(name);
    return code;
}

const program_command command_plot = {
    "plot",
    "draw the log of a run: loss and Dice against steps",
    "LOG [--out NAME]",
    "The log is what train, finetune and pretrain write with --log. Drawn by gnuplot.",
    "  frugalseg plot run.jsonl\n"
    "  frugalseg plot run.jsonl --out pictures/run",
    run_plot,
};
