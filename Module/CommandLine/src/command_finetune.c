/* frugalseg finetune: a pretrained model made to segment, from few labelled images. */
#include "training.h"

static int run_finetune(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    training_options o = training_default_options();
    program_option options[TRAINING_OPTIONS_MAX];
    const size_t count = training_option_table(&o, options);
    const parse_result parsed = program_parse(self, options, count, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!o.init) {
        return program_usage(self, &common,
                             "finetune needs --init MODEL, as 'frugalseg pretrain' writes it; "
                             "without one use 'frugalseg train'.");
    }
    if (!o.transfer) {
        o.transfer = "encoder+decoder";
    }
    const int code = training_check_options(self, &common, &o);
    return code == EXIT_OK ? training_run_command(&o, &common) : code;
}

const program_command command_finetune = {
    "finetune",
    "train a pretrained model on few labelled images",
    "--init MODEL --data FOLDER --out FILE [OPTION]...",
    "As train, but the weights begin as those of --init; --transfer says which of them (default\n"
    "encoder+decoder), the segmentation head is always new unless it is all. The learning rate\n"
    "warms up over --warmup steps, the encoder may learn slower (--encoder-rate) or not at all\n"
    "(--freeze-encoder). With --validation and --validate-every the weights of the best "
    "validation\n"
    "Dice are kept, and --patience stops early.",
    "  frugalseg finetune --init pretrained.fseg --transfer encoder --data cases --out liver.fseg\n"
    "  frugalseg finetune --init pretrained.fseg --data cases --out liver.fseg --validation case9 "
    "\\\n"
    "      --validate-every 50 --patience 10 --log run.jsonl --plot run",
    run_finetune,
};
