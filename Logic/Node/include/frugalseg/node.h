/**
 * @file node.h
 * A DICOM node: receives series by C-STORE, segments each when it is complete, sends the DICOM SEG
 * to one configured peer. Research use only - not a medical device.
 *
 * What it has in hand lies in a folder, the queue, and survives the end of the process at any
 * moment. The folder belongs to one running node at a time; status, retry and forget may be called
 * beside it. The rules of imaging.h hold: paths are UTF-8, errors are one sentence. How it works:
 * docs/developer/guide.md; for its users: docs/user/pacs.md.
 */
#ifndef FRUGALSEG_NODE_H
#define FRUGALSEG_NODE_H

#include "frugalseg/model.h"
#include "frugalseg/status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Another application entity: who, and where it listens. */
typedef struct fseg_node_peer {
    char aet[17];
    char host[256]; /**< name or address */
    int port;
} fseg_node_peer;

/** Read "AET@HOST:PORT" ("AET@[v6]:PORT"); anything else: FSEG_ERROR_INVALID_ARGUMENT. */
fseg_status fseg_node_peer_parse(const char *text, fseg_node_peer *out, fseg_error *error);

/** Everything that a node needs; fseg_node_default_options fills in the limits. The strings and the
 *  model must live as long as fseg_node_run runs. */
typedef struct fseg_node_options {
    const char *aet;   /**< own AE title, 1 to 16 characters */
    const char *bind;  /**< address to listen on; "127.0.0.1" unless told */
    int port;          /**< 0: any free one; `listening` tells */
    const char *queue; /**< folder, made when absent */
    fseg_node_peer peer;

    /** Who may call: AE titles, and addresses ("10.1.2.3", "10.1.2.0/24", IPv6 alike). No titles:
     *  all; no addresses: only this computer. Listening beyond this computer needs both lists. */
    const char *const *callers;
    size_t caller_count;
    const char *const *addresses;
    size_t address_count;

    const fseg_model *model;
    const char *model_name, *model_version, *structure; /**< as in fseg_seg_options */
    const char *model_sha256;
    int threads;      /**< of the segmentation; 0 = all */
    int outside_card; /**< not 0: segment series that the model's card does not describe too */

    /* When a series is complete. */
    double settle_s; /**< seconds without a new instance, and no association open that sent one */
    int at_release;  /**< not 0: at once when the association that sent it was released */
    double cut_settle_s; /**< seconds to wait instead of settle_s after an association broke off */

    /* Limits. */
    int associations;        /**< at once, 1 to 64; one more is refused as "local limit exceeded" */
    double request_limit_s;  /**< from the connection to the association request */
    double idle_limit_s;     /**< between two messages of an association */
    double instance_limit_s; /**< for one instance */
    double association_limit_s;
    double segment_limit_s;  /**< for one series; what takes longer is stopped and fails */
    double send_limit_s;     /**< for one SEG */
    uint64_t instance_bytes; /**< largest instance */
    uint64_t quota_bytes;    /**< of the queue; beyond it C-STORE is answered "out of resources" */
    uint64_t free_bytes;     /**< that the queue leaves free on its disk */
    uint64_t memory_bytes;   /**< of the segmenting process */
    int instances;           /**< most of one series */
    double keep_s;           /**< how long sent and failed series are remembered */
    double give_up_s;        /**< how long a SEG is offered to a peer that does not take it */

    /** One line without identifiers, from any process of the node; null: no log. */
    void (*log)(void *user, const char *line);
    /** Not 0: end in order. Called about ten times a second. */
    int (*stop)(void *user);
    /** Told once, when the node listens. May be null. */
    void (*listening)(void *user, int port);
    void *user;
} fseg_node_options;
/** Loopback only, nobody may call, small limits; see each member. */
fseg_node_options fseg_node_default_options(void);

/**
 * Run a node until `stop` says so or it cannot go on. Forks: one process segments, one sends, one
 * for every association; the caller should be single-threaded. FSEG_OK after an orderly end.
 */
fseg_status fseg_node_run(const fseg_node_options *options, fseg_error *error);

/** Where a series stands in the queue. */
typedef enum fseg_node_state {
    FSEG_NODE_RECEIVED = 0, /**< may still be incomplete */
    FSEG_NODE_READY,        /**< complete, waits to be segmented */
    FSEG_NODE_WORKING,      /**< is being segmented */
    FSEG_NODE_SEGMENTED,    /**< the SEG waits for the peer */
    FSEG_NODE_SENT,         /**< the peer has the SEG; the images were removed */
    FSEG_NODE_FAILED        /**< kept, with the reason */
} fseg_node_state;
#define FSEG_NODE_STATE_COUNT 6
/** "received", ..., "failed". */
const char *fseg_node_state_name(fseg_node_state state);

/** One series of the queue. */
typedef struct fseg_node_series {
    char key[33]; /**< made from salt and UIDs; names the series in logs and to retry and forget */
    fseg_node_state state;
    size_t instances;
    double age_s;       /**< since the last change */
    char reason_id[33]; /**< of a failure, or of the last unsuccessful sending */
    char reason[257];
    int attempts; /**< unsuccessful ones */
} fseg_node_series;

typedef struct fseg_node_status_list fseg_node_status_list;
/** All series in the queue, by state and age; a folder that is no queue: FSEG_ERROR_NOT_FOUND. */
fseg_status fseg_node_status_read(const char *queue, fseg_node_status_list **out,
                                  fseg_error *error);
void fseg_node_status_free(fseg_node_status_list *list);
size_t fseg_node_status_count(const fseg_node_status_list *list);
const fseg_node_series *fseg_node_status_series(const fseg_node_status_list *list, size_t index);
uint64_t fseg_node_status_bytes(const fseg_node_status_list *list);

/** Let failed series be tried again: the one named `key`, or all of them (null); `count` (may be
 *  null) says how many. No such series: FSEG_ERROR_NOT_FOUND. */
fseg_status fseg_node_retry(const char *queue, const char *key, size_t *count, fseg_error *error);
/** Remove a sent or failed series from the queue for good. */
fseg_status fseg_node_forget(const char *queue, const char *key, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
