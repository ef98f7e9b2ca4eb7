#include "gnuplot.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

/* Run gnuplot between two open files; 0, or the errno of a failed start, or -1. */
static int run_gnuplot(int from, int to)
{
    char *const arguments[] = {"gnuplot", NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child;
    const int code = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0) {
        return code;
    }
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0 ? 0 : -1;
}

/* Everything that gnuplot wrote into `stream`, as the file `path`. */
static fseg_status keep(FILE *stream, const char *path, fseg_error *error)
{
    fseek(stream, 0, SEEK_END);
    const long size = ftell(stream);
    rewind(stream);
    char *bytes = size > 0 ? malloc((size_t)size) : NULL;
    fseg_status status;
    if (size <= 0) {
        status = fseg_error_set(error, FSEG_ERROR_IO, "gnuplot drew nothing for '%.300s'.", path);
    } else if (!bytes) {
        status = out_of_memory(error);
    } else if (fread(bytes, 1, (size_t)size, stream) != (size_t)size) {
        status = fseg_error_set(error, FSEG_ERROR_IO, "The picture '%.300s' was lost.", path);
    } else {
        status = output_write_file(path, bytes, (size_t)size, error);
    }
    free(bytes);
    return status;
}

static fseg_status draw(const char *terminal, const char *script, const char *path,
                        fseg_error *error)
{
    FILE *from = tmpfile(), *to = tmpfile();
    fseg_status status = FSEG_OK;
    if (!from || !to || fprintf(from, "set terminal %s\n%s", terminal, script) < 0 ||
        fflush(from) != 0) {
        status = fseg_error_set(error, FSEG_ERROR_IO,
                                "There is no room for temporary files; free some space.");
    } else {
        rewind(from);
        const int code = run_gnuplot(fileno(from), fileno(to));
        if (code == ENOENT) {
            status = fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                                    "No picture was drawn because gnuplot is not installed; "
                                    "install it (Debian: gnuplot-nox) and try again.");
        } else if (code != 0) {
            status = fseg_error_set(error, FSEG_ERROR_IO,
                                    "gnuplot failed, so '%.300s' was not drawn; it needs the "
                                    "terminals pngcairo and svg (Debian: gnuplot-nox).",
                                    path);
        } else {
            status = keep(to, path, error);
        }
    }
    if (from) {
        fclose(from);
    }
    if (to) {
        fclose(to);
    }
    return status;
}

fseg_status gnuplot_draw(const char *script, const char *name, fseg_error *error)
{
    static const struct {
        const char *ending, *terminal;
    } formats[] = {
        {"png", "pngcairo size 900,560 font 'DejaVu Sans,11'"},
        {"svg", "svg size 900,560 font 'DejaVu Sans,14' background 'white'"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s.%s", name, formats[i].ending) < 0) {
            return out_of_memory(error);
        }
        const fseg_status status = draw(formats[i].terminal, script, path, error);
        free(path);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return FSEG_OK;
}

fseg_status gnuplot_draw_png(const char *script, const char *path, int width, int height,
                             fseg_error *error)
{
    char terminal[96];
    snprintf(terminal, sizeof terminal, "pngcairo size %d,%d font 'DejaVu Sans,10'", width, height);
    return draw(terminal, script, path, error);
}
