/*
 * Worker processes of a study. Each one gets tasks as lines over a socket pair, stores their
 * results itself and answers with a line; the parent decides what comes next. Processes, not
 * threads: they are made before any library has started threads of its own, share nothing, and one
 * that dies takes only its task with it.
 */
#include "study.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64 };

typedef struct job {
    pid_t process;
    FILE *in, *out; /* of the socket */
    int descriptor;
    char *key; /* of the task that is being done, or null */
    double started;
} job;

typedef struct crew {
    const study_config *config;
    study_store *store;
    const program_common *common;
    job jobs[JOBS_MAX];
    int count;
    json_t *failed; /* keys */
} crew;

/* ---- the worker's side ---- */

static void answer(FILE *out, fseg_status status, const char *message)
{
    json_t *line = json_pack("{s:i, s:s}", "status", (int)status, "message", message);
    json_dumpf(line, out, JSON_COMPACT);
    fputc('\n', out);
    fflush(out);
    json_decref(line);
}

/* Tasks until the socket closes or the user interrupts. Never returns. */
static void work(const study_config *config, const char *folder, int descriptor)
{
    FILE *in = fdopen(descriptor, "r"), *out = fdopen(dup(descriptor), "w");
    study_worker worker;
    fseg_error error = {0};
    fseg_status status = study_worker_start(config, folder, &worker, &error);
    char *line = NULL;
    size_t size = 0;
    while (in && out && !program_interrupted() && getline(&line, &size, in) >= 0) {
        json_t *task = json_loads(line, 0, NULL);
        if (status == FSEG_OK) {
            error.message[0] = '\0';
            answer(out, study_task_run(&worker, task, &error), error.message);
        } else {
            answer(out, status, error.message);
        }
        json_decref(task);
    }
    free(line);
    study_worker_free(&worker);
    _exit(EXIT_OK);
}

/* ---- the parent's side ---- */

static void close_job(job *j)
{
    if (j->descriptor >= 0) { /* the worker sees the end even if a brother holds a copy */
        (void)shutdown(j->descriptor, SHUT_RDWR);
    }
    if (j->in) {
        fclose(j->in);
    }
    if (j->out) {
        fclose(j->out);
    }
    if (j->process > 0) {
        (void)waitpid(j->process, NULL, 0);
    }
    free(j->key);
    *j = (job){.descriptor = -1};
}

static fseg_status start_job(crew *c, job *j, fseg_error *error)
{
    int pair[2];
    *j = (job){.descriptor = -1};
    const pid_t parent = getpid();
    fflush(NULL); /* or the child would write it once more */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return fseg_error_set(error, FSEG_ERROR_IO, "No worker could be started (system error %d).",
                              errno);
    }
    const pid_t child = fork();
    if (child == 0) {
        /* A worker does not outlive the study: it saves a checkpoint and ends. */
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(EXIT_INTERRUPTED);
        }
        close(pair[0]);
        for (int i = 0; i < c->count; i++) { /* those of its brothers */
            if (c->jobs[i].descriptor >= 0) {
                close(c->jobs[i].descriptor);
                close(fileno(c->jobs[i].out));
            }
        }
        work(c->config, c->store->folder, pair[1]);
    }
    close(pair[1]);
    if (child < 0) {
        close(pair[0]);
        return fseg_error_set(error, FSEG_ERROR_IO, "No worker could be started (system error %d).",
                              errno);
    }
    j->process = child;
    j->descriptor = pair[0];
    j->in = fdopen(pair[0], "r");
    j->out = fdopen(dup(pair[0]), "w");
    if (!j->in || !j->out) {
        close_job(j);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    return FSEG_OK;
}

static bool is_running(const crew *c, const char *key)
{
    for (int i = 0; i < c->count; i++) {
        if (c->jobs[i].key && strcmp(c->jobs[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* The first task that is neither running nor known to fail; new, with its key, or null. */
static json_t *next_task(const crew *c, char **key)
{
    json_t *wanted = json_array(), *found = NULL;
    study_walk(c->config, c->store, wanted, NULL, NULL);
    for (size_t i = 0; i < json_array_size(wanted) && !found; i++) {
        json_t *task = json_array_get(wanted, i);
        *key = study_key(task);
        if (*key && !is_running(c, *key) && !json_object_get(c->failed, *key)) {
            found = json_incref(task);
        } else {
            free(*key);
            *key = NULL;
        }
    }
    json_decref(wanted);
    return found;
}

static bool give_task(crew *c, job *j)
{
    char *key = NULL;
    json_t *task = next_task(c, &key);
    if (!task) {
        return false;
    }
    json_dumpf(task, j->out, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    fputc('\n', j->out);
    fflush(j->out);
    j->key = key;
    j->started = program_seconds();
    json_decref(task);
    return true;
}

typedef struct counts {
    int done, all;
} counts;

static void count_cell(void *user, const study_cell *cell)
{
    (void)cell;
    counts *n = user;
    n->all++;
}

static void report(const crew *c, const job *j)
{
    const json_t *both = json_object_get(c->store->results, j->key);
    const json_t *result = json_object_get(both, "result"), *task = json_object_get(both, "task");
    counts n = {0};
    study_walk(c->config, c->store, NULL, count_cell, &n);
    const char *key;
    json_t *value;
    json_object_foreach(c->store->results, key, value)
    {
        n.done += strncmp(key, "finetune", 8) == 0;
    }
    if (c->common->quiet) {
        return;
    }
    const bool finetuning = strncmp(j->key, "finetune", 8) == 0;
    const json_t *measured = finetuning ? result : json_object_get(result, "retrieval");
    fprintf(stderr, "%s  %s %.3f  %zu cases  %.0f s  (%d fine-tunings of %d and choices done)\n",
            j->key, finetuning ? "validation Dice" : "retrieval",
            json_number_value(json_object_get(measured, finetuning ? "validation_dice" : "top1")),
            json_array_size(json_object_get(task, "cases")), program_seconds() - j->started, n.done,
            n.all);
}

/* The answer of a worker that has one; a worker that died is replaced. */
static fseg_status take_answer(crew *c, job *j, fseg_error *error)
{
    char *line = NULL;
    size_t size = 0;
    const bool alive = getline(&line, &size, j->in) >= 0;
    json_t *reply = alive ? json_loads(line, 0, NULL) : NULL;
    free(line);
    const fseg_status status =
        reply ? (fseg_status)json_integer_value(json_object_get(reply, "status")) : FSEG_ERROR_IO;
    fseg_status outcome = FSEG_OK;
    if (status == FSEG_OK) {
        outcome = study_store_add(c->store, j->key, error);
        if (outcome == FSEG_OK) {
            report(c, j);
        }
    } else if (status != FSEG_ERROR_CANCELLED) {
        program_warn("The run %s failed: %s", j->key,
                     reply ? json_string_value(json_object_get(reply, "message"))
                           : "its process died.");
        json_object_set_new(c->failed, j->key, json_true());
    }
    json_decref(reply);
    free(j->key);
    j->key = NULL;
    if (!alive && outcome == FSEG_OK && !program_interrupted()) {
        close_job(j);
        outcome = start_job(c, j, error);
    }
    return outcome;
}

/* Wait for the next answer, at most a second, so that interruptions are seen. */
static fseg_status wait_for_answer(crew *c, fseg_error *error)
{
    struct pollfd waiting[JOBS_MAX];
    job *jobs[JOBS_MAX];
    nfds_t count = 0;
    for (int i = 0; i < c->count; i++) {
        if (c->jobs[i].key) {
            waiting[count] = (struct pollfd){.fd = c->jobs[i].descriptor, .events = POLLIN};
            jobs[count++] = &c->jobs[i];
        }
    }
    fseg_status status = FSEG_OK;
    if (poll(waiting, count, 1000) > 0) {
        for (nfds_t i = 0; i < count && status == FSEG_OK; i++) {
            if (waiting[i].revents) {
                status = take_answer(c, jobs[i], error);
            }
        }
    }
    return status;
}

static int busy(const crew *c)
{
    int n = 0;
    for (int i = 0; i < c->count; i++) {
        n += c->jobs[i].key != NULL;
    }
    return n;
}

static fseg_status run(crew *c, double seconds, fseg_error *error)
{
    const double start = program_seconds();
    bool told = false;
    fseg_status status = FSEG_OK;
    for (;;) {
        const bool late = seconds > 0 && program_seconds() - start >= seconds;
        for (int i = 0; i < c->count && !late && !program_interrupted(); i++) {
            if (!c->jobs[i].key && !give_task(c, &c->jobs[i])) {
                break; /* the rest waits for what is running */
            }
        }
        if (program_interrupted() && !told) {
            told = true;
            for (int i = 0; i < c->count; i++) { /* Ctrl-C reaches them anyway */
                if (c->jobs[i].key) {
                    kill(c->jobs[i].process, SIGTERM);
                }
            }
        }
        if (busy(c) == 0) {
            return program_interrupted()
                       ? fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.")
                       : FSEG_OK;
        }
        status = wait_for_answer(c, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
}

fseg_status study_work(const study_config *config, study_store *store, int jobs, double seconds,
                       const program_common *common, int *failed, fseg_error *error)
{
    crew c = {.config = config, .store = store, .common = common, .failed = json_object()};
    fseg_status status = FSEG_OK;
    for (int i = 0; i < jobs && status == FSEG_OK; i++) {
        status = start_job(&c, &c.jobs[i], error);
        c.count += status == FSEG_OK;
    }
    if (status == FSEG_OK) {
        status = run(&c, seconds, error);
    }
    for (int i = 0; i < c.count; i++) {
        close_job(&c.jobs[i]);
    }
    *failed = (int)json_object_size(c.failed);
    json_decref(c.failed);
    return status;
}
