/**
 * @file Queue.h
 * The series that a node has in hand, as folders on the disk.
 *
 *     QUEUE/received/KEY/instances/NAME.dcm   may still be incomplete; open-* : see place()
 *     QUEUE/ready/KEY/                        complete
 *     QUEUE/working/KEY/                      in the hands of the segmenting process
 *     QUEUE/segmented/KEY/seg.dcm             the SEG waits for the peer
 *     QUEUE/sent/KEY/seg.dcm, known           the peer has it; the images are gone
 *     QUEUE/failed/KEY/reason.json            kept for people
 *     QUEUE/incoming/, QUEUE/trash/           scratch, emptied at start
 *
 * The state of a series is the folder it lies in, so every change of state is one rename: after the
 * end of the process at any moment each series is in exactly one state, with all of its files.
 * Changes happen under one lock. Names are made from a secret salt and the UIDs, hence of
 * hexadecimal digits only: nothing that a peer says becomes a path, and names tell nothing.
 * One exception to "one state": a series that is sent again while it is worked on, or after it was
 * sent, waits in received/ until promote() can compare the two.
 */
#ifndef FRUGALSEG_NODE_QUEUE_H
#define FRUGALSEG_NODE_QUEUE_H

#include "QueueFiles.h"
#include "frugalseg/node.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace frugalseg
{
namespace node
{

/** Why a series failed, or was not taken by the peer: an identifier for programs and a sentence. */
struct Reason {
    std::string id, text;
    int attempts = 0;
    double notBefore = 0.0; /**< seconds since 1970 of the next attempt */
};

/** What promote() did. */
enum class Promotion {
    Ready,  /**< the series is complete now */
    Known,  /**< the same images were segmented before: their SEG will be sent again */
    Later,  /**< the same series is still being worked on */
    Refused /**< came after its series was segmented, and alone: failed */
};

class Queue
{
  public:
    /** Opens the queue, makes it when absent. `step` is called with a name between any two changes
     *  on the disk; tests end the process there. */
    explicit Queue(const std::string &folder,
                   std::function<void(const char *)> step = std::function<void(const char *)>());

    /** Once, by the node that owns the queue: finish or take back what an ended process left. */
    void recover();

    /** The name of a series, and of an instance in it. */
    std::string keyOf(const std::string &studyUid, const std::string &seriesUid) const;
    std::string nameOf(const std::string &instanceUid) const;

    const std::string &folder() const
    {
        return folder_;
    }
    std::string folderOf(fseg_node_state state) const;
    std::string pathOf(fseg_node_state state, const std::string &key) const;
    /** A path for a file that is being received. */
    std::string temporary() const;

    /**
     * A received instance, in the file `temporary`, becomes part of its series. On return it is on
     * the disk, and the sender may be told so. `association` names whose it is: its mark stays in
     * the series until release(), so that one can see whether the sender came to an end.
     */
    void place(const std::string &temporary, const std::string &key, const std::string &name,
               const std::string &association);
    /** The association ended in order: what earlier ones left open in these series counts no more.
     */
    void release(const std::set<std::string> &keys, const std::string &association);
    /** Associations that have not ended in order. */
    std::vector<std::string> openAssociations(const std::string &key) const;
    /** Number of instances in a series. */
    size_t instances(fseg_node_state state, const std::string &key) const;
    /** Seconds since the last instance of a received series came. */
    double quietFor(const std::string &key) const;

    /** A received series counts as complete. */
    Promotion promote(const std::string &key);

    /** The oldest ready series becomes the working one; empty: none. */
    std::string claim();
    /** Back to ready: the work was interrupted. */
    void unclaim(const std::string &key);
    /** seg.dcm lies in the working folder: on to be sent. */
    void finish(const std::string &key);
    void fail(fseg_node_state from, const std::string &key, const Reason &reason);

    /** The peer has the SEG: the images are removed, their names are kept. */
    void sent(const std::string &key);
    /** Remember an unsuccessful attempt (segmented) or a crash (working). */
    void note(fseg_node_state state, const std::string &key, const Reason &reason);
    Reason reasonOf(fseg_node_state state, const std::string &key) const;

    std::vector<std::string> keys(fseg_node_state state) const;
    /** Failed -> ready, or -> segmented when only the sending failed. */
    bool retry(const std::string &key);
    bool forget(const std::string &key);
    /** Forget sent and failed series older than this; their number. */
    size_t purge(double seconds);
    uint64_t bytes() const;

  private:
    FileLock lock() const;
    void step(const char *name) const;
    void move(fseg_node_state from, const std::string &key, fseg_node_state to);
    void discard(const std::string &path);
    std::set<std::string> known(fseg_node_state state, const std::string &key) const;

    std::string folder_;
    std::string salt_;
    std::function<void(const char *)> step_;
};

/** Whether a key has the form of those made here. */
bool isKey(const std::string &text);

} // namespace node
} // namespace frugalseg
#endif
