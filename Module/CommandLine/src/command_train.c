/* frugalseg train: a model from labelled images. */
#include "training.h"

static int run_train(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    training_options o = training_default_options();
    program_option options[TRAINING_OPTIONS_MAX];
    const size_t count = training_option_table(&o, options);
    const parse_result parsed = program_parse(self, options, count, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    const int code = training_check_options(self, &common, &o);
    return code == EXIT_OK ? training_run_command(&o, &common) : code;
}

const program_command command_train = {
    "train",
    "train a model on labelled images",
    "--data FOLDER --out FILE [OPTION]...",
    "A case that cannot be read is left out with a warning. Ctrl-C saves a checkpoint and stops;\n"
    "the same command with --resume goes on from it. Held-out cases are segmented at the end.",
    "  frugalseg train --data cases --label 1 --card card.json --out liver.fseg\n"
    "  frugalseg train --data cases --label 1 --out fold2.fseg --fold 2/5 --log fold2.jsonl\n"
    "  frugalseg train --data cases --out liver.fseg --resume",
    run_train,
};
