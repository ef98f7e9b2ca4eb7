/* The click: a cold process from a DICOM folder to a segmentation on disk. */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Run this program again with `arguments`, its output thrown away; messages stay visible. */
static fseg_status run_self(char *const arguments[], fseg_error *error)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child;
    const int failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) {
        return fseg_error_set(error, FSEG_ERROR_IO, "The program cannot start itself: %s.",
                              strerror(failed));
    }
    int state;
    while (waitpid(child, &state, 0) < 0) {
        if (errno != EINTR) {
            return fseg_error_set(error, FSEG_ERROR_IO, "The program lost sight of its child.");
        }
    }
    if (program_interrupted() || (WIFEXITED(state) && WEXITSTATUS(state) == EXIT_INTERRUPTED)) {
        return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (!WIFEXITED(state) || WEXITSTATUS(state) != EXIT_OK) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "'frugalseg %s' failed inside the benchmark; see its message.",
                              arguments[1]);
    }
    return FSEG_OK;
}

typedef struct click_paths {
    char folder[64], phantom[96], dicom[128], out[96], report[128];
} click_paths;

static fseg_status make_phantom(const bench *b, const click_paths *paths, fseg_error *error)
{
    char *const arguments[] = {"frugalseg",
                               "synth",
                               "--quiet",
                               "--seed",
                               "1",
                               "--out",
                               (char *)paths->phantom,
                               "--size",
                               b->quick ? "64" : "256",
                               "--spacing",
                               b->quick ? "5.6" : "1.4",
                               "--slices",
                               b->quick ? "5" : "30",
                               NULL};
    return run_self(arguments, error);
}

static fseg_status click_once(const bench *b, const click_paths *paths, double *seconds,
                              json_t **report, fseg_error *error)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%d", b->threads);
    char *const arguments[] = {"frugalseg",
                               "segment",
                               "--quiet",
                               "--threads",
                               threads,
                               "--model",
                               (char *)b->model_path,
                               "--in",
                               (char *)paths->dicom,
                               "--out",
                               (char *)paths->out,
                               NULL};
    nftw(paths->out, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    const double start = program_seconds();
    fseg_status status = run_self(arguments, error);
    *seconds = program_seconds() - start;
    if (status == FSEG_OK) {
        *report = json_load_file(paths->report, 0, NULL);
        if (!*report) {
            status = fseg_error_set(error, FSEG_ERROR_IO, "The click left no report.");
        }
    }
    return status;
}

static bool lists_seg(const json_t *report)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(report, "outputs"), i, name)
    {
        if (strstr(json_string_value(name), ".dcm")) {
            return true;
        }
    }
    return false;
}

static fseg_status measure_click(bench *b, const click_paths *paths, fseg_error *error)
{
    enum { RUNS = 7 };
    const int runs = b->quick ? 1 : RUNS;
    double seconds[RUNS];
    json_t *report = NULL;
    fseg_status status = make_phantom(b, paths, error);
    for (int r = 0; status == FSEG_OK && r < runs; r++) {
        status = bench_stage(b, 0.03 * (r + 1), "click", error);
        if (status == FSEG_OK) {
            json_decref(report);
            report = NULL;
            status = click_once(b, paths, &seconds[r], &report, error);
        }
    }
    if (status == FSEG_OK) {
        const json_t *memory = json_object_get(report, "memory_bytes");
        json_object_set_new(
            b->result, "click",
            json_pack("{s:i, s:i, s:i, s:o, s:O, s:O, s:b}", "size", b->quick ? 64 : 256, "slices",
                      b->quick ? 5 : 30, "repetitions", runs, "seconds",
                      bench_number(bench_median(seconds, (size_t)runs)), "stages_of_last",
                      json_object_get(report, "seconds"), "peak_memory_bytes",
                      json_object_get(memory, "peak"), "seg_written", lists_seg(report)));
    }
    json_decref(report);
    return status;
}

fseg_status bench_click(bench *b, fseg_error *error)
{
    click_paths paths;
    const char *temporary = getenv("TMPDIR");
    if (!temporary || strlen(temporary) > 32) {
        temporary = "/tmp";
    }
    snprintf(paths.folder, sizeof paths.folder, "%s/frugalseg-bench-XXXXXX", temporary);
    if (!mkdtemp(paths.folder)) {
        return fseg_error_set(error, FSEG_ERROR_PERMISSION,
                              "No temporary folder can be made in '%s': %s.", temporary,
                              strerror(errno));
    }
    snprintf(paths.phantom, sizeof paths.phantom, "%s/phantom", paths.folder);
    snprintf(paths.dicom, sizeof paths.dicom, "%s/dicom", paths.phantom);
    snprintf(paths.out, sizeof paths.out, "%s/out", paths.folder);
    snprintf(paths.report, sizeof paths.report, "%s/report.json", paths.out);
    const fseg_status status = measure_click(b, &paths, error);
    nftw(paths.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}
