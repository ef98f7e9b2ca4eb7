/* frugalseg: the command line program. */
#include "frugalseg/frugalseg.h"
#include "isolate.h"
#include "program.h"
#include <stdio.h>
#include <string.h>

static const program_command *const commands[] = {
    &command_segment,  &command_evaluate, &command_info,     &command_train,
    &command_pretrain, &command_figure,   &command_finetune, &command_plot,
    &command_synth,    &command_export,   &command_card,     &command_models,
    &command_study,    &command_node,     &command_retrieve, &command_bench,
};

static void print_help(FILE *stream)
{
    fprintf(stream, "Usage: frugalseg COMMAND [OPTION]...\n\n"
                    "Segments the liver or prostate in T2-weighted MR on an ordinary "
                    "processor.\n" PROGRAM_NOTICE "\n\nCommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(stream,
            "\n'frugalseg --isolate COMMAND ...' runs a command in a process of its own with "
            "limits\n(--isolate-seconds N, --isolate-memory MB), for files that may be "
            "damaged or hostile.\n"
            "'frugalseg COMMAND --help' shows the options of a command and examples.\n"
            "Exit codes: 0 ok, 1 internal failure, 2 usage, 3 bad input, 4 refused, "
            "130 interrupted.\n");
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("frugalseg %s\n" PROGRAM_NOTICE "\n", FSEG_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i]->run(commands[i], argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        fprintf(stderr, "frugalseg: There is no command '%.60s'.\n", name);
        fprintf(stderr, "Try 'frugalseg --help'.\n");
    } else {
        print_help(stderr);
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    program_catch_interrupts();
    isolate_limits limits;
    if (!isolate_options(&argc, argv, &limits)) {
        return EXIT_USAGE;
    }
    const int code = limits.wanted ? isolate_run(&limits, run, argc, argv) : run(argc, argv);
    /* Results that did not reach their file or pipe are not ok. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK) {
        fputs("frugalseg: Standard output cannot be written; is the disk full?\n", stderr);
        return EXIT_BAD_INPUT;
    }
    return code;
}
