#include "run_progress.h"
#include <stdio.h>
#include <unistd.h>

enum { BAR = 24 };

void run_progress_start(run_progress *progress, const program_common *common, int first, int steps)
{
    *progress = (run_progress){.show = !common->quiet && isatty(STDERR_FILENO),
                               .first = first,
                               .steps = steps,
                               .started = program_seconds()};
}

void run_progress_show(run_progress *progress, int step, double loss)
{
    if (!progress->show) {
        return;
    }
    const bool begins = step <= progress->first + 1;
    progress->loss = begins ? loss : 0.95 * progress->loss + 0.05 * loss;
    const double now = program_seconds();
    if (progress->shown && now - progress->last < 0.2) {
        return;
    }
    const int done = step - progress->first;
    const double left = (now - progress->started) / done * (progress->steps - step);
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++) {
        bar[i] = (long)step * BAR > (long)i * progress->steps ? '#' : '.';
    }
    bar[BAR] = '\0';
    fprintf(stderr, "\r[%s] %d/%d  loss %.4f  %d:%02d left  %.0f MB ", bar, step, progress->steps,
            progress->loss, (int)(left / 60), (int)left % 60, (double)program_peak_memory() / 1e6);
    fflush(stderr);
    progress->last = now;
    progress->shown = true;
}

void run_progress_clear(run_progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r%78s\r", "");
        fflush(stderr);
        progress->shown = false;
    }
}
