/* Interruption, progress, clock and memory of the running program. */
#define _POSIX_C_SOURCE 200809L
#include "program.h"
#include <sha256.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted = 0;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

void program_catch_interrupts(void)
{
    /* SA_RESETHAND: a second Ctrl-C ends the program even if it should hang. */
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A file-size limit is then reported like a full disk, a closed pipe like a failed write. */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

bool program_interrupted(void)
{
    return interrupted != 0;
}

static int on_progress(void *user, double fraction, const char *stage)
{
    program_progress *progress = user;
    if (progress->show) {
        const double now = program_seconds();
        if (!progress->shown || now - progress->last_time > 0.1) {
            fprintf(stderr, "\r%s: %3.0f %% %-20.20s", progress->title, 100 * fraction,
                    stage ? stage : "");
            fflush(stderr);
            progress->last_time = now;
            progress->shown = true;
        }
    }
    return program_interrupted();
}

void program_progress_start(program_progress *progress, const program_common *common,
                            const char *title)
{
    memset(progress, 0, sizeof *progress);
    progress->progress.callback = on_progress;
    progress->progress.user = progress;
    progress->show = !common->quiet && isatty(STDERR_FILENO);
    progress->title = title;
}

void program_progress_end(program_progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r%70s\r", "");
        fflush(stderr);
        progress->shown = false;
    }
}

double program_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

size_t program_peak_memory(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

void program_text_sha256(const char *text, char hex[65])
{
    SHA256Data((const uint8_t *)text, strlen(text), hex);
}

bool program_precision(const char *name, fseg_precision *out)
{
    *out = strcmp(name, "bfloat16") == 0 ? FSEG_PRECISION_BFLOAT16 : FSEG_PRECISION_FLOAT32;
    return *out == FSEG_PRECISION_BFLOAT16 || strcmp(name, "float32") == 0;
}

fseg_status program_context(const program_common *common, fseg_context **out, fseg_error *error)
{
    fseg_context_options options = fseg_context_default_options();
    options.threads = common->threads;
    return fseg_context_create(&options, out, error);
}
