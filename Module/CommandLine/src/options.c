/* Command lines: one table per command gives parsing, range checks and --help. */
#include "program.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64 };

static void print_option(const char *name, const char *argument, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, argument ? " " : "", argument ? argument : "");
    printf("  %-28s %s\n", left, help);
}

static void print_help(const program_command *command, const program_option *options, size_t count)
{
    printf("Usage: frugalseg %s %s\n\n%s\n", command->name, command->synopsis, command->summary);
    if (command->text) {
        printf("\n%s\n", command->text);
    }
    printf("\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        print_option(options[i].name, options[i].argument, options[i].help);
    }
    print_option("threads", "N", "processor threads, 0 = all (default 0)");
    print_option("json", NULL, "result as JSON on standard output");
    print_option("quiet", NULL, "no progress");
    print_option("help", NULL, "this text");
    printf("\nExamples:\n%s\n\n%s\n", command->examples, PROGRAM_NOTICE);
}

/* Locale-independent because the program never calls setlocale. */
static bool read_number(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out);
}

static parse_result store(const program_command *command, const program_common *common,
                          const program_option *option, const char *text)
{
    double number = 0;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->value = true;
        return PARSE_GO_ON;
    case OPTION_TEXT:
        if (text[0] == '\0') {
            program_usage(command, common, "--%s needs %s, not an empty text.", option->name,
                          option->argument);
            return PARSE_WRONG;
        }
        *(const char **)option->value = text;
        return PARSE_GO_ON;
    case OPTION_SEED: {
        char *end;
        errno = 0;
        const uint64_t seed = strtoumax(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
            program_usage(command, common, "--%s needs a whole number of 0 or more, not '%.60s'.",
                          option->name, text);
            return PARSE_WRONG;
        }
        *(uint64_t *)option->value = seed;
        return PARSE_GO_ON;
    }
    case OPTION_INTEGER:
    case OPTION_NUMBER:
        if (!read_number(text, &number) || number < option->low || number > option->high ||
            (option->kind == OPTION_INTEGER && number != floor(number))) {
            program_usage(command, common, "--%s needs a %snumber from %g to %g, not '%.60s'.",
                          option->name, option->kind == OPTION_INTEGER ? "whole " : "", option->low,
                          option->high, text);
            return PARSE_WRONG;
        }
        if (option->kind == OPTION_INTEGER) {
            *(int *)option->value = (int)number;
        } else {
            *(double *)option->value = number;
        }
        return PARSE_GO_ON;
    }
    return PARSE_WRONG;
}

/* --json is honoured even when an earlier option is wrong, so that a script always gets JSON. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

parse_result program_parse(const program_command *command, const program_option *options,
                           size_t count, int operands, int argc, char **argv,
                           program_common *common, int *operand_index)
{
    const program_option shared[] = {
        {"threads", OPTION_INTEGER, &common->threads, 0, 256, NULL, NULL},
        {"json", OPTION_FLAG, &common->json, 0, 0, NULL, NULL},
        {"quiet", OPTION_FLAG, &common->quiet, 0, 0, NULL, NULL},
    };
    const size_t shared_count = sizeof shared / sizeof *shared;
    const program_option *all[MAX_OPTIONS];
    struct option table[MAX_OPTIONS + 2] = {0};
    size_t used = 0;
    for (size_t i = 0; i < count + shared_count && used < MAX_OPTIONS; i++, used++) {
        all[used] = i < count ? &options[i] : &shared[i - count];
        table[used].name = all[used]->name;
        table[used].has_arg = all[used]->kind == OPTION_FLAG ? no_argument : required_argument;
        table[used].val = (int)used + 256;
    }
    table[used].name = "help";
    table[used].val = 'h';
    common->json = asks_for_json(argc, argv);
    opterr = 0;
    optind = 1;
    for (;;) {
        const int given = optind;
        const int value = getopt_long(argc, argv, ":h", table, NULL);
        if (value == -1) {
            break;
        }
        if (value == 'h') {
            print_help(command, options, count);
            return PARSE_HELP_SHOWN;
        }
        if (value == ':' || value == '?') {
            program_usage(command, common,
                          value == ':' ? "The option '%.60s' needs a value."
                                       : "There is no option '%.60s' here.",
                          argv[given]);
            return PARSE_WRONG;
        }
        const parse_result result = store(command, common, all[value - 256], optarg);
        if (result != PARSE_GO_ON) {
            return result;
        }
    }
    if (argc - optind > operands) {
        program_usage(command, common, "'%.60s' is not expected here.", argv[optind + operands]);
        return PARSE_WRONG;
    }
    if (operand_index) {
        *operand_index = optind;
    }
    return PARSE_GO_ON;
}

int program_parse_exit_code(parse_result result)
{
    return result == PARSE_WRONG ? EXIT_USAGE : EXIT_OK;
}
