/**
 * @file retrieve.h
 * Asking a PACS for series: what it has (C-FIND), and to send it here (C-GET) or to a node
 * (C-MOVE).
 *
 * Names of files and folders are made here, never from what the peer says. The rules of imaging.h
 * hold. Research use only - not a medical device.
 */
#ifndef FRUGALSEG_RETRIEVE_H
#define FRUGALSEG_RETRIEVE_H

#include "frugalseg/node.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_retrieve_options {
    const char *aet; /**< own AE title, which the peer must know */
    fseg_node_peer peer;
    double connect_limit_s;  /**< 0: 10 s */
    double answer_limit_s;   /**< between two messages; 0: 60 s */
    uint64_t instance_bytes; /**< largest instance that is taken; 0: 1 GiB */
} fseg_retrieve_options;

/** What a PACS says of a series; "" or -1 where it says nothing. */
typedef struct fseg_remote_series {
    char study_uid[65], series_uid[65];
    char modality[17], body_part[17], description[129]; /**< UTF-8 */
    long instances;
} fseg_remote_series;

typedef struct fseg_remote_list fseg_remote_list;

/** Ask for the series of a study (`study_uid`), of a patient (`patient_id`, a pseudonym without
 *  wildcards), or for one series (`series_uid`); others null, at least one given. */
fseg_status fseg_retrieve_find(const fseg_retrieve_options *options, const char *patient_id,
                               const char *study_uid, const char *series_uid,
                               fseg_remote_list **out, fseg_error *error);
void fseg_remote_list_free(fseg_remote_list *list);
size_t fseg_remote_list_count(const fseg_remote_list *list);
const fseg_remote_series *fseg_remote_list_series(const fseg_remote_list *list, size_t index);

/** Get a series into `folder` by C-GET: all of it or nothing. The folder must be absent or empty;
 *  it is moved into place when complete. `instances` (may be null) receives their number. */
fseg_status fseg_retrieve_get(const fseg_retrieve_options *options, const char *study_uid,
                              const char *series_uid, const char *folder,
                              const fseg_progress *progress, size_t *instances, fseg_error *error);

/** Let the peer send a series to the application entity `destination` (C-MOVE), whose address it
 *  must know. */
fseg_status fseg_retrieve_move(const fseg_retrieve_options *options, const char *study_uid,
                               const char *series_uid, const char *destination,
                               const fseg_progress *progress, size_t *instances, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
