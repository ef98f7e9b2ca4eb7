/* frugalseg pretrain: a model from unlabelled scans. */
#include "pretraining.h"

static int pretrain(const pretrain_options *options, program_common *common)
{
    pretraining run = {.options = options, .common = common};
    fseg_error error = {0};
    fseg_status status = program_processes_join(&run.processes, common, &error);
    if (status == FSEG_OK) {
        status = pretraining_run(&run, &error);
    }
    int code = EXIT_OK;
    if (!program_is_first(&run.processes)) { /* the first one speaks for all */
        code = status == FSEG_OK ? EXIT_OK : program_exit_code(status);
    } else if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else if (common->json) {
        code = program_print_json(json_pack(
            "{s:s, s:s, s:i, s:i, s:i, s:i}", "model", options->out, "notice", PROGRAM_NOTICE,
            "steps", options->steps, "scans", (int)run.data.used, "left_out",
            (int)run.data.left_out, "contrasts", (int)run.data.most_contrasts));
    } else {
        printf("Pretrained on %zu scans for %d steps: %s\n", run.data.used, options->steps,
               options->out);
    }
    pretraining_free(&run);
    program_processes_leave(&run.processes);
    return code;
}

static int run_pretrain(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    pretrain_options options = pretraining_default_options();
    program_option table[PRETRAINING_OPTIONS_MAX];
    const size_t count = pretraining_option_table(&options, table);
    const parse_result parsed = program_parse(self, table, count, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    const int code = pretraining_check_options(self, &common, &options);
    return code == EXIT_OK ? pretrain(&options, &common) : code;
}

const program_command command_pretrain = {
    "pretrain",
    "pretrain a model on unlabelled scans",
    "--data FOLDER --out FILE [OPTION]...",
    "Restores spoilt images (regression), tells slices of different body regions apart\n"
    "(contrastive), or both; --then trains the decoder in a second stage. Fine-tune the result "
    "with\n"
    "'frugalseg finetune'. A scan that cannot be read is left out with a warning.\n"
    "\n"
    "Corruptions (--corruption), any of, with commas between:\n"
    "  patches      masks squares, 75 % of the image\n"
    "  swap         swaps pairs of squares (context restoration)\n"
    "  shuffle      permutes pixels in small windows (chance 0.5)\n"
    "  intensity    bends the grey values by a random curve (chance 0.9)\n"
    "  inpainting   boxes of noise; outpainting: all but boxes is noise; painting: one of them,\n"
    "               1 to 4 (chance 0.9)\n"
    "  genesis      shuffle,intensity,painting\n"
    "NAME=P sets another chance. They are applied in the order swap, shuffle, intensity, "
    "painting,\n"
    "patches.\n"
    "\n"
    "Under mpirun the processes share scans and batches: 'mpirun -n 2 frugalseg pretrain ...' "
    "gives\n"
    "what one process gives. They must divide --batch and --volumes x --partitions.\n"
    "\n"
    "constrained needs several contrasts or echoes of each subject on one grid: a 4D file, or "
    "files\n"
    "NAME_0000.nii.gz, NAME_0001.nii.gz ...",
    "  frugalseg pretrain --data scans --loss contrastive --out pretrained.fseg\n"
    "  frugalseg pretrain --data scans --corruption genesis --pixels all --out restored.fseg\n"
    "  frugalseg pretrain --data echoes --loss contrastive --then constrained --out both.fseg\n"
    "  frugalseg finetune --data cases --init pretrained.fseg --transfer encoder --out liver.fseg",
    run_pretrain,
};
