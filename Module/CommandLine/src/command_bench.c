/* frugalseg bench: how fast this machine runs the network, its layers and the whole job. */
#include "bench.h"
#include "frugalseg/model_locate.h"
#include "input.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the parts share -------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_numbers);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

fseg_status bench_time(bench *b, int repetitions, bool warm_up, bench_body body, void *user,
                       double *seconds, fseg_error *error)
{
    enum { MOST = 64 };
    double times[MOST];
    (void)b;
    fseg_status status = warm_up ? body(user, error) : FSEG_OK;
    for (int r = 0; status == FSEG_OK && r < repetitions && r < MOST; r++) {
        const double start = program_seconds();
        status = body(user, error);
        times[r] = program_seconds() - start;
        if (status == FSEG_OK && program_interrupted()) {
            status = fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
    }
    if (status == FSEG_OK) {
        *seconds = bench_median(times, (size_t)(repetitions < MOST ? repetitions : MOST));
    }
    return status;
}

fseg_status bench_stage(bench *b, double fraction, const char *stage, fseg_error *error)
{
    const fseg_status status = fseg_progress_report(&b->progress.progress, fraction, stage);
    return status == FSEG_OK ? status : fseg_error_set(error, status, "Interrupted.");
}

void bench_fill(float *values, size_t count, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1; /* Marsaglia's xorshift */
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values[i] = (float)(state >> 40) * 0x1p-24f;
    }
}

fseg_status bench_context(const bench *b, fseg_isa isa, fseg_context **out, fseg_error *error)
{
    const fseg_context_options options = {.threads = b->threads, .isa = isa};
    return fseg_context_create(&options, out, error);
}

fseg_isa bench_best_isa(void)
{
    return fseg_isa_available(FSEG_ISA_AVX512) ? FSEG_ISA_AVX512
           : fseg_isa_available(FSEG_ISA_AVX2) ? FSEG_ISA_AVX2
                                               : FSEG_ISA_PORTABLE;
}

double bench_peak_of(const bench *b, fseg_isa isa)
{
    return isa == FSEG_ISA_AVX512_BF16 && b->bf16_gflops > 0 ? b->bf16_gflops : b->fma_gflops;
}

json_t *bench_number(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.3f", value);
    return program_json_number(strtod(text, NULL));
}

/* ---- the command ----------------------------------------------------------------------------- */

static void read_cpu_name(char *name, size_t size)
{
    snprintf(name, size, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && value && value[1]) {
            value[strcspn(value, "\n")] = '\0';
            snprintf(name, size, "%s", value + 2);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
}

static json_t *machine_json(const bench *b)
{
    char cpu[128];
    read_cpu_name(cpu, sizeof cpu);
    double load[1] = {-1};
    (void)getloadavg(load, 1);
    return json_pack("{s:s, s:I, s:i, s:s, s:s, s:o}", "cpu", cpu, "processors",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "threads", b->threads, "kernels",
                     fseg_isa_name(bench_best_isa()), "compiler",
#if defined(__clang__)
                     "clang " __clang_version__,
#else
                     "gcc " __VERSION__,
#endif
                     "load_before", bench_number(load[0]));
}

/* A fresh reference network as a file: how fast it runs does not depend on the weights. */
static fseg_status fresh_model(char *path, input_model *input, fseg_error *error)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    strcpy(path, "/tmp/frugalseg-bench-model-XXXXXX");
    const int file = mkstemp(path);
    if (file < 0) {
        path[0] = '\0';
        return fseg_error_set(error, FSEG_ERROR_PERMISSION, "No temporary file can be made.");
    }
    close(file);
    fseg_status status = fseg_model_create(&config, 1, &input->model, error);
    if (status == FSEG_OK) {
        status = fseg_model_set_card(input->model,
                                     "{\"name\": \"untrained\", \"version\": \"0\", "
                                     "\"structure\": \"liver\", \"modality\": \"MR\"}",
                                     error);
    }
    return status == FSEG_OK ? fseg_model_save(input->model, path, error) : status;
}

static fseg_status choose_model(const char *name, input_model *input, char *path, bool *fresh,
                                fseg_error *error)
{
    *fresh = false;
    fseg_status status = fseg_model_locate(name ? name : "liver-t2", path, FSEG_PATH_LENGTH, error);
    if (status == FSEG_ERROR_NOT_FOUND && !name) {
        *fresh = true;
        return fresh_model(path, input, error);
    }
    return status == FSEG_OK ? input_model_load(path, input, error) : status;
}

static fseg_status measure(bench *b, fseg_error *error)
{
    fseg_status (*const parts[])(bench *, fseg_error *) = {
        bench_click, bench_peak, bench_operators, bench_layers, bench_network, bench_training,
    };
    fseg_status status = FSEG_OK;
    for (size_t i = 0; status == FSEG_OK && i < sizeof parts / sizeof *parts; i++) {
        status = parts[i](b, error);
    }
    return status;
}

static int run_bench(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    bench b = {.common = &common};
    const char *name = NULL;
    const program_option options[] = {
        {"quick", OPTION_FLAG, &b.quick, 0, 0, NULL, "tiny sizes: whether it runs, not how fast"},
        {"model", OPTION_TEXT, &name, 0, 0, "MODEL",
         "a .fseg file or a name (default liver-t2, or untrained weights)"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    char path[FSEG_PATH_LENGTH] = "";
    bool fresh = false;
    input_model input = {0};
    fseg_context *context = NULL;
    fseg_error error = {0};
    program_progress_start(&b.progress, &common, "bench");
    fseg_status status = program_context(&common, &context, &error);
    b.threads = context ? fseg_context_threads(context) : 1;
    fseg_context_free(context);
    if (status == FSEG_OK) {
        status = choose_model(name, &input, path, &fresh, &error);
    }
    if (status == FSEG_OK) {
        b.model = input.model;
        b.model_path = path;
        b.result =
            json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:I}}", "program", "frugalseg " FSEG_VERSION,
                      "notice", PROGRAM_NOTICE, "quick", json_boolean(b.quick), "machine",
                      machine_json(&b), "model", "name", fresh ? "untrained" : input.spec.name,
                      "parameters", (json_int_t)fseg_model_parameter_count(input.model));
        status = measure(&b, &error);
    }
    program_progress_end(&b.progress);
    int code = EXIT_OK;
    if (status != FSEG_OK) {
        code = program_fail_error(&common, &error);
    } else if (common.json) {
        code = program_print_json(json_incref(b.result));
    } else {
        bench_print(b.result);
    }
    if (fresh && path[0]) {
        (void)remove(path);
    }
    json_decref(b.result);
    input_model_free(&input);
    return code;
}

const program_command command_bench = {
    "bench",
    "measure how fast this machine is",
    "[--quick] [--model MODEL] [OPTION]...",
    "Measures the processor's peak, the operators, the layers inside the network, whole forward\n"
    "passes and training steps for every kernel family, and a cold segmentation from a DICOM "
    "folder\n"
    "to the SEG on disk. Medians of several repetitions; a few minutes. Let nothing else run.",
    "  frugalseg bench\n"
    "  frugalseg bench --json --threads 2 > bench.json",
    run_bench,
};
