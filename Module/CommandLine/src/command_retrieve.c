/* frugalseg retrieve: series of a PACS, listed, or brought into a folder or to a node. */
#include "frugalseg/frugalseg.h"
#include "frugalseg/retrieve.h"
#include "program.h"
#include <stdio.h>
#include <string.h>

typedef struct retrieve_options {
    const char *peer, *patient, *study, *series, *out, *destination;
} retrieve_options;

static json_t *series_json(const fseg_remote_series *series)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "study_uid", series->study_uid, "series_uid",
                     series->series_uid, "modality", series->modality, "body_part",
                     series->body_part, "description", series->description, "instances",
                     series->instances < 0 ? json_null()
                                           : json_integer((json_int_t)series->instances));
}

static int print_list(const program_common *common, const fseg_remote_list *list)
{
    const size_t count = fseg_remote_list_count(list);
    if (common->json) {
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(all, series_json(fseg_remote_list_series(list, i)));
        }
        return program_print_json(json_pack("{s:o}", "series", all));
    }
    for (size_t i = 0; i < count; i++) {
        const fseg_remote_series *series = fseg_remote_list_series(list, i);
        printf("%s  %-4s %4ld images  %s\n", series->series_uid, series->modality,
               series->instances, series->description);
    }
    if (count == 0) {
        printf("No series.\n");
    }
    return EXIT_OK;
}

/* The study of a series, which a transfer must name: given, or asked for. */
static fseg_status find_study(const retrieve_options *own, const fseg_retrieve_options *options,
                              char study[65], fseg_error *error)
{
    if (own->study) {
        snprintf(study, 65, "%s", own->study);
        return FSEG_OK;
    }
    fseg_remote_list *list = NULL;
    const fseg_status status =
        fseg_retrieve_find(options, own->patient, NULL, own->series, &list, error);
    if (status != FSEG_OK) {
        return status;
    }
    const size_t count = fseg_remote_list_count(list);
    if (count == 1) {
        snprintf(study, 65, "%s", fseg_remote_list_series(list, 0)->study_uid);
    }
    fseg_remote_list_free(list);
    if (count == 1) {
        return FSEG_OK;
    }
    return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                          "The peer does not find this series by its UID alone; name its study "
                          "with --study.");
}

static int transfer(const retrieve_options *own, const fseg_retrieve_options *options,
                    const program_common *common)
{
    fseg_error error;
    char study[65];
    size_t instances = 0;
    program_progress progress;
    program_progress_start(&progress, common, "retrieve");
    fseg_status status = find_study(own, options, study, &error);
    if (status == FSEG_OK) {
        status = own->out ? fseg_retrieve_get(options, study, own->series, own->out,
                                              &progress.progress, &instances, &error)
                          : fseg_retrieve_move(options, study, own->series, own->destination,
                                               &progress.progress, &instances, &error);
    }
    program_progress_end(&progress);
    if (status != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    if (common->json) {
        return program_print_json(json_pack("{s:I}", "instances", (json_int_t)instances));
    }
    printf("%zu images %s %s\n", instances, own->out ? "in" : "sent to",
           own->out ? own->out : own->destination);
    return EXIT_OK;
}

static int check_and_run(const program_command *self, const retrieve_options *own,
                         fseg_retrieve_options *options, const program_common *common)
{
    fseg_error error;
    if (!own->peer) {
        return program_usage(self, common, "The option --peer is missing.");
    }
    if (fseg_node_peer_parse(own->peer, &options->peer, &error) != FSEG_OK) {
        return program_usage(self, common, "%s", error.message);
    }
    if (own->out && own->destination) {
        return program_usage(self, common, "Give --out or --move-to, not both.");
    }
    if (own->out || own->destination) {
        if (!own->series) {
            return program_usage(self, common, "The option --series is missing.");
        }
        return transfer(own, options, common);
    }
    if (!own->patient && !own->study && !own->series) {
        return program_usage(self, common, "Give --patient, --study or --series.");
    }
    fseg_remote_list *list = NULL;
    if (fseg_retrieve_find(options, own->patient, own->study, own->series, &list, &error) !=
        FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const int code = print_list(common, list);
    fseg_remote_list_free(list);
    return code;
}

static int run(const program_command *self, int argc, char **argv)
{
    retrieve_options own = {0};
    fseg_retrieve_options options = {.aet = "FRUGALSEG"};
    const program_option table[] = {
        {"peer", OPTION_TEXT, &own.peer, 0, 0, "AET@HOST:PORT", "the PACS"},
        {"aet", OPTION_TEXT, &options.aet, 0, 0, "TITLE", "own AE title (default FRUGALSEG)"},
        {"patient", OPTION_TEXT, &own.patient, 0, 0, "ID", "list the series of a pseudonym"},
        {"study", OPTION_TEXT, &own.study, 0, 0, "UID", "list the series of a study"},
        {"series", OPTION_TEXT, &own.series, 0, 0, "UID", "the series to list or to bring"},
        {"out", OPTION_TEXT, &own.out, 0, 0, "FOLDER",
         "bring the series here (C-GET); the folder must be new or empty"},
        {"move-to", OPTION_TEXT, &own.destination, 0, 0, "TITLE",
         "have the series sent to this AE title (C-MOVE), a node for example"},
        {"connect-limit", OPTION_NUMBER, &options.connect_limit_s, 1, 3600, "S",
         "to reach the peer (default 10)"},
        {"answer-limit", OPTION_NUMBER, &options.answer_limit_s, 1, 86400, "S",
         "for each of its messages (default 60)"},
    };
    program_common common = {0};
    const parse_result parsed =
        program_parse(self, table, sizeof table / sizeof *table, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    return check_and_run(self, &own, &options, &common);
}

const program_command command_retrieve = {
    .name = "retrieve",
    .summary = "Lists the series of a PACS, and brings one into a folder or to a node.",
    .synopsis = "--peer AET@HOST:PORT [--patient ID | --study UID | --series UID] [OPTION]...",
    .text = "Without --out and --move-to the series are listed (C-FIND). The folder appears when\n"
            "all images are in it, or not at all; its files have names made here.",
    .examples =
        "  frugalseg retrieve --peer ORTHANC@127.0.0.1:4242 --patient P007\n"
        "  frugalseg retrieve --peer ORTHANC@127.0.0.1:4242 --series 1.2.3.4 --out series\n"
        "  frugalseg retrieve --peer ORTHANC@127.0.0.1:4242 --series 1.2.3.4 --move-to NODE",
    .run = run,
};
