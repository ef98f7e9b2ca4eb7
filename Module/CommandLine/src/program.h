/* What the subcommands of `frugalseg` share: exit codes, options, messages, interruption.
 * docs/user/command-line.md is the contract with the user. */
#ifndef FRUGALSEG_PROGRAM_H
#define FRUGALSEG_PROGRAM_H

#include "frugalseg/context.h"
#include "frugalseg/status.h"
#include <jansson.h>
#include <stdbool.h>

#define PROGRAM_NOTICE "Research use only - not a medical device."

/* Exit codes; nothing else leaves main. */
enum {
    EXIT_OK = 0,
    EXIT_INTERNAL = 1,  /* out of memory, a fault of the program */
    EXIT_USAGE = 2,     /* wrong command, option or value */
    EXIT_BAD_INPUT = 3, /* a file, folder or disk cannot be used */
    EXIT_REFUSED = 4,   /* understood, and refused: unsafe geometry, or a choice is needed */
    EXIT_INTERRUPTED = 130
};

/* ---- commands ---- */

typedef struct program_command {
    const char *name;
    const char *summary;  /* one line */
    const char *synopsis; /* what follows the name */
    const char *text;     /* paragraphs before the options in --help; may be null */
    const char *examples; /* lines after them */
    int (*run)(const struct program_command *self, int argc, char **argv);
} program_command;

extern const program_command command_segment, command_evaluate, command_info, command_synth,
    command_train, command_export, command_card, command_bench, command_pretrain, command_figure,
    command_finetune, command_study, command_plot, command_models, command_node, command_retrieve;

/* ---- options ---- */

typedef enum option_kind {
    OPTION_TEXT,    /* const char * */
    OPTION_INTEGER, /* int */
    OPTION_SEED,    /* uint64_t */
    OPTION_NUMBER,  /* double */
    OPTION_FLAG     /* bool */
} option_kind;

/* One option: where its value goes and how --help shows it. */
typedef struct program_option {
    const char *name; /* without the dashes */
    option_kind kind;
    void *value;
    double low, high;     /* allowed range of a number */
    const char *argument; /* "FILE" */
    const char *help;
} program_option;

/* Options of every command. */
typedef struct program_common {
    bool json, quiet;
    int threads; /* 0 = all */
} program_common;

/* Outcome of parsing; anything but PARSE_GO_ON ends the command with the given exit code. */
typedef enum parse_result { PARSE_GO_ON, PARSE_HELP_SHOWN, PARSE_WRONG } parse_result;

/* Parse `argv` (argv[0] is the command's name) into the options' values and `common`; at most
 * `operands` positional arguments may follow, from *operand_index. Shows --help. */
parse_result program_parse(const program_command *command, const program_option *options,
                           size_t count, int operands, int argc, char **argv,
                           program_common *common, int *operand_index);
int program_parse_exit_code(parse_result result);

/* ---- messages ---- */

/* Report a failure: one line on stderr, with --json also {"error": {...}} on stdout. Returns the
 * exit code that fits `status`. */
int program_fail(const program_common *common, fseg_status status, const char *message);
int program_fail_error(const program_common *common, const fseg_error *error);
/* The exit code alone. */
int program_exit_code(fseg_status status);
/* A mistake on the command line: message, pointer to --help, EXIT_USAGE. */
int program_usage(const program_command *command, const program_common *common, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));
void program_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print `object` on stdout as indented JSON and release it; EXIT_OK or EXIT_BAD_INPUT when stdout
 * cannot be written. */
int program_print_json(json_t *object);
/* Key of a status in JSON, "bad-input". */
const char *program_status_key(fseg_status status);

/* A finite number, else null. */
json_t *program_json_number(double value);

/* ---- running ---- */

/* Catch SIGINT and SIGTERM: the first asks for a clean end, a second one ends at once. */
void program_catch_interrupts(void);
bool program_interrupted(void);
/* Progress callback data: shows a line on a terminal and passes interruptions on. */
typedef struct program_progress {
    fseg_progress progress; /* hand this to the library */
    bool show;
    bool shown;
    double last_time;
    const char *title;
} program_progress;
void program_progress_start(program_progress *progress, const program_common *common,
                            const char *title);
/* Remove the line from the terminal. */
void program_progress_end(program_progress *progress);

/* Seconds of a monotonic clock. */
double program_seconds(void);
/* Largest resident memory of this process so far, in bytes. */
size_t program_peak_memory(void);
/* SHA-256 of a text as 64 hex digits. */
void program_text_sha256(const char *text, char hex[65]);
/* SHA-256 of a text behind the secret salt of this installation (a file in the user's data folder,
 * made at the first call): the same text gives the same digits here and elsewhere others, and
 * nobody can find the text by trying. Returns false when the salt could not be kept, so that the
 * digits hold for this run only. */
bool program_salted_sha256(const char *text, char hex[65]);

/* "float32" or "bfloat16"; false for another name. */
bool program_precision(const char *name, fseg_precision *out);

fseg_status program_context(const program_common *common, fseg_context **out, fseg_error *error);

#endif
