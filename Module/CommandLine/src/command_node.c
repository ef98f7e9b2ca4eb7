/* frugalseg node: a DICOM node that segments what it receives; and a look at its queue. */
#include "frugalseg/frugalseg.h"
#include "frugalseg/node.h"
#include "input.h"
#include "program.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIST_MAX = 64 };

typedef struct node_options {
    const char *model, *peer, *callers, *addresses, *retry, *forget, *tls_key, *tls_certificate;
    bool status, at_release, outside_card;
    double instance_mb, quota_mb, free_mb, memory_mb, keep_days, give_up_hours;
} node_options;

/* One line, in one write, so that lines of several processes do not mix. */
static void write_log(void *user, const char *line)
{
    (void)user;
    char text[600];
    const time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ ", &parts);
    const int more = snprintf(text + length, sizeof text - length, "%s\n", line);
    length += more < 0 ? 0 : (size_t)more;
    if (length >= sizeof text) {
        length = sizeof text;
        text[length - 1] = '\n';
    }
    if (write(STDERR_FILENO, text, length) < 0) {
        return; /* nobody is left to be told */
    }
}

static int stop(void *user)
{
    (void)user;
    return program_interrupted();
}

static void announce(void *user, int port)
{
    const program_common *common = user;
    if (common->json) {
        program_print_json(json_pack("{s:i, s:s}", "port", port, "notice", PROGRAM_NOTICE));
    } else if (!common->quiet) {
        printf("Listening on port %d. %s\n", port, PROGRAM_NOTICE);
        fflush(stdout);
    }
}

/* "A,B" into texts; `copy` holds them. Returns their number, or -1 for too many or an empty one. */
static int split_list(char *copy, const char **texts)
{
    int count = 0;
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma) {
            *comma = '\0';
        }
        if (count == LIST_MAX || *at == '\0') {
            return -1;
        }
        texts[count++] = at;
        at = comma ? comma + 1 : NULL;
    }
    return count;
}

static json_t *series_json(const fseg_node_series *series)
{
    json_t *object = json_pack("{s:s, s:s, s:I, s:f}", "series", series->key, "state",
                               fseg_node_state_name(series->state), "instances",
                               (json_int_t)series->instances, "age_s", series->age_s);
    if (object && series->reason[0]) {
        json_object_set_new(object, "reason_id", json_string(series->reason_id));
        json_object_set_new(object, "reason", json_string(series->reason));
        json_object_set_new(object, "attempts", json_integer(series->attempts));
    }
    return object;
}

static int print_status(const program_common *common, const fseg_node_status_list *list)
{
    size_t counts[FSEG_NODE_STATE_COUNT] = {0};
    for (size_t i = 0; i < fseg_node_status_count(list); i++) {
        counts[fseg_node_status_series(list, i)->state]++;
    }
    if (common->json) {
        json_t *states = json_object();
        json_t *all = json_array();
        for (int i = 0; i < FSEG_NODE_STATE_COUNT; i++) {
            json_object_set_new(states, fseg_node_state_name((fseg_node_state)i),
                                json_integer((json_int_t)counts[i]));
        }
        for (size_t i = 0; i < fseg_node_status_count(list); i++) {
            json_array_append_new(all, series_json(fseg_node_status_series(list, i)));
        }
        return program_print_json(json_pack("{s:o, s:I, s:o}", "states", states, "bytes",
                                            (json_int_t)fseg_node_status_bytes(list), "series",
                                            all));
    }
    for (int i = 0; i < FSEG_NODE_STATE_COUNT; i++) {
        printf("%-10s %zu\n", fseg_node_state_name((fseg_node_state)i), counts[i]);
    }
    printf("%-10s %.1f MB\n", "disk", (double)fseg_node_status_bytes(list) / 1e6);
    for (size_t i = 0; i < fseg_node_status_count(list); i++) {
        const fseg_node_series *series = fseg_node_status_series(list, i);
        if (series->reason[0]) {
            printf("%s %s, %zu instances: %s (%s)\n", series->key,
                   fseg_node_state_name(series->state), series->instances, series->reason,
                   series->reason_id);
        }
    }
    return EXIT_OK;
}

/* --status, --retry and --forget; they work beside a running node. */
static int look_after(const node_options *own, const fseg_node_options *options,
                      const program_common *common)
{
    fseg_error error;
    size_t count = 1;
    fseg_status status = FSEG_OK;
    if (own->retry) {
        const bool all = strcmp(own->retry, "all") == 0;
        status = fseg_node_retry(options->queue, all ? NULL : own->retry, &count, &error);
    } else if (own->forget) {
        status = fseg_node_forget(options->queue, own->forget, &error);
    } else {
        fseg_node_status_list *list = NULL;
        status = fseg_node_status_read(options->queue, &list, &error);
        if (status == FSEG_OK) {
            const int code = print_status(common, list);
            fseg_node_status_free(list);
            return code;
        }
    }
    if (status != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    if (common->json) {
        return program_print_json(json_pack("{s:I}", "series", (json_int_t)count));
    }
    printf("%zu series %s\n", count, own->retry ? "will be tried again" : "forgotten");
    return EXIT_OK;
}

static int run_node(const node_options *own, fseg_node_options *options,
                    const program_common *common)
{
    fseg_error error;
    input_model model;
    if (input_model_load(own->model, &model, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    options->model = model.model;
    options->model_name = model.spec.name;
    options->model_version = model.spec.version;
    options->structure = model.spec.structure;
    options->model_sha256 = model.sha256;
    options->threads = common->threads;
    options->outside_card = own->outside_card;
    options->at_release = own->at_release;
    options->log = common->quiet ? NULL : write_log;
    options->stop = stop;
    options->listening = announce;
    options->user = (void *)(uintptr_t)common;
    const fseg_status status = fseg_node_run(options, &error);
    input_model_free(&model);
    return status == FSEG_OK ? EXIT_OK : program_fail_error(common, &error);
}

static int check_and_run(const program_command *self, node_options *own, fseg_node_options *options,
                         const program_common *common)
{
    if (!options->queue) {
        return program_usage(self, common, "The option --queue is missing.");
    }
    if (own->status || own->retry || own->forget) {
        return look_after(own, options, common);
    }
    if (own->tls_key || own->tls_certificate) {
        /* Better no node than one that is thought to be encrypted. */
        return program_fail(common, FSEG_ERROR_UNSUPPORTED,
                            "This build cannot speak TLS, because its DCMTK has no OpenSSL; put a "
                            "TLS proxy such as stunnel in front (docs/user/pacs.md).");
    }
    if (!options->aet || !own->peer) {
        return program_usage(self, common, "The options --aet and --peer are needed.");
    }
    fseg_error error;
    if (fseg_node_peer_parse(own->peer, &options->peer, &error) != FSEG_OK) {
        return program_usage(self, common, "%s", error.message);
    }
    const char *callers[LIST_MAX], *addresses[LIST_MAX];
    char *caller_texts = own->callers ? strdup(own->callers) : NULL;
    char *address_texts = own->addresses ? strdup(own->addresses) : NULL;
    const int caller_count = split_list(caller_texts, callers);
    const int address_count = split_list(address_texts, addresses);
    int code;
    if (caller_count < 0 || address_count < 0) {
        code = program_usage(self, common, "A list is written A,B,C, with at most %d entries.",
                             LIST_MAX);
    } else {
        options->callers = callers;
        options->caller_count = (size_t)caller_count;
        options->addresses = addresses;
        options->address_count = (size_t)address_count;
        code = run_node(own, options, common);
    }
    free(caller_texts);
    free(address_texts);
    return code;
}

static int run(const program_command *self, int argc, char **argv)
{
    fseg_node_options options = fseg_node_default_options();
    const double mib = 1 << 20;
    node_options own = {.model = "liver-t2",
                        .instance_mb = (double)options.instance_bytes / mib,
                        .quota_mb = (double)options.quota_bytes / mib,
                        .free_mb = (double)options.free_bytes / mib,
                        .memory_mb = (double)options.memory_bytes / mib,
                        .keep_days = options.keep_s / 86400,
                        .give_up_hours = options.give_up_s / 3600};
    const program_option table[] = {
        {"aet", OPTION_TEXT, &options.aet, 0, 0, "TITLE", "own AE title"},
        {"port", OPTION_INTEGER, &options.port, 0, 65535, "N",
         "port to listen on, 0 = any free one (default 11112)"},
        {"bind", OPTION_TEXT, &options.bind, 0, 0, "ADDRESS",
         "address to listen on (default 127.0.0.1; others need both --allow lists)"},
        {"model", OPTION_TEXT, &own.model, 0, 0, "MODEL", "name or file (default liver-t2)"},
        {"peer", OPTION_TEXT, &own.peer, 0, 0, "AET@HOST:PORT", "where segmentations are sent"},
        {"queue", OPTION_TEXT, &options.queue, 0, 0, "FOLDER", "where work in hand is kept"},
        {"allow-aet", OPTION_TEXT, &own.callers, 0, 0, "A,B", "AE titles that may call"},
        {"allow-address", OPTION_TEXT, &own.addresses, 0, 0, "A,B/24",
         "addresses that may call (default: this computer)"},
        {"settle", OPTION_NUMBER, &options.settle_s, 0, 86400, "S",
         "a series without a new image for this long is complete (default 30)"},
        {"at-release", OPTION_FLAG, &own.at_release, 0, 0, NULL,
         "a series is complete when its association is released"},
        {"cut-settle", OPTION_NUMBER, &options.cut_settle_s, 0, 604800, "S",
         "the same after an association broke off (default 600)"},
        {"outside-card", OPTION_FLAG, &own.outside_card, 0, 0, NULL,
         "segment series that the model's card does not describe, too"},
        {"associations", OPTION_INTEGER, &options.associations, 1, 64, "N",
         "most at once (default 16)"},
        {"request-limit", OPTION_NUMBER, &options.request_limit_s, 0.1, 3600, "S",
         "from connection to association (default 10)"},
        {"idle-limit", OPTION_NUMBER, &options.idle_limit_s, 0.5, 86400, "S",
         "between two messages (default 60)"},
        {"instance-limit", OPTION_NUMBER, &options.instance_limit_s, 0.5, 86400, "S",
         "for one image (default 120)"},
        {"association-limit", OPTION_NUMBER, &options.association_limit_s, 1, 604800, "S",
         "for one association (default 3600)"},
        {"instance-mb", OPTION_NUMBER, &own.instance_mb, 0.01, 16384, "N",
         "largest image (default 256)"},
        {"quota-mb", OPTION_NUMBER, &own.quota_mb, 0.01, 1e9, "N", "largest queue (default 20480)"},
        {"free-mb", OPTION_NUMBER, &own.free_mb, 0, 1e9, "N",
         "what the queue leaves free on its disk (default 1024)"},
        {"memory-mb", OPTION_NUMBER, &own.memory_mb, 64, 1e6, "N",
         "of the segmenting process (default 4096)"},
        {"keep-days", OPTION_NUMBER, &own.keep_days, 0, 3650, "N",
         "sent and failed series are remembered (default 7)"},
        {"give-up-hours", OPTION_NUMBER, &own.give_up_hours, 0, 8760, "N",
         "a SEG is offered to the peer (default 72)"},
        {"tls-key", OPTION_TEXT, &own.tls_key, 0, 0, "FILE", "private key, for TLS"},
        {"tls-cert", OPTION_TEXT, &own.tls_certificate, 0, 0, "FILE", "certificate, for TLS"},
        {"status", OPTION_FLAG, &own.status, 0, 0, NULL,
         "show what lies in the queue, and why series failed"},
        {"retry", OPTION_TEXT, &own.retry, 0, 0, "SERIES", "try a failed series again, or 'all'"},
        {"forget", OPTION_TEXT, &own.forget, 0, 0, "SERIES",
         "remove a sent or failed series from the queue"},
    };
    program_common common = {0};
    const parse_result parsed =
        program_parse(self, table, sizeof table / sizeof *table, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    options.instance_bytes = (uint64_t)(own.instance_mb * mib);
    options.quota_bytes = (uint64_t)(own.quota_mb * mib);
    options.free_bytes = (uint64_t)(own.free_mb * mib);
    options.memory_bytes = (uint64_t)(own.memory_mb * mib);
    options.keep_s = own.keep_days * 86400;
    options.give_up_s = own.give_up_hours * 3600;
    return check_and_run(self, &own, &options, &common);
}

const program_command command_node = {
    .name = "node",
    .summary = "Receives series by DICOM, segments them, sends the segmentations to a peer.",
    .synopsis = "--aet TITLE --peer AET@HOST:PORT --queue FOLDER [OPTION]...",
    .text = "Accepts MR images by C-STORE (and answers C-ECHO) from the AE titles and addresses\n"
            "that are allowed, segments each series when it is complete, and sends the DICOM SEG\n"
            "to the peer by C-STORE. The queue on disk survives every end of the program; start\n"
            "it again and it goes on. Log lines on standard error hold no names, identifiers or\n"
            "UIDs. SIGTERM ends it in order. Set-up for a department: docs/user/pacs.md.",
    .examples =
        "  frugalseg node --aet FRUGALSEG --peer ORTHANC@127.0.0.1:4242 --queue queue\n"
        "  frugalseg node --aet FRUGALSEG --bind 0.0.0.0 --allow-aet ORTHANC \\\n"
        "    --allow-address 10.1.2.0/24 --peer ORTHANC@10.1.2.3:4242 --queue /var/lib/frugalseg\n"
        "  frugalseg node --status --queue queue",
    .run = run,
};
