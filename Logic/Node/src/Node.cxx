/* The node itself: listens, starts the other processes, decides when a series is complete. It holds
 * one thread and parses nothing that comes from outside. */
#include "Association.h"
#include "Listener.h"
#include "NodeError.h"
#include "Processes.h"
#include "Queue.h"
#include "Segmenter.h"
#include "Sender.h"
#include "Settings.h"

#include "dcmtk/config/osconfig.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <functional>
#include <map>
#include <sys/file.h>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

namespace
{

constexpr double turn = 0.1;          // seconds
constexpr double housekeeping = 10.0; // between two looks at the whole queue
constexpr double grace = 10.0;        // for what is under way when the node ends
constexpr double patience = 3.0;      // for the processes of a node that has just ended
constexpr double spared = 2.0; // a connection may be this old before a newer one displaces it

/** A running process that serves one connection. */
struct Child {
    pid_t process;
    std::string association;
    int64_t started;
};

/** One of the two processes that always run. */
struct Helper {
    const char *name;
    std::function<void()> body;
    pid_t process = 0;
    int64_t notBefore = 0;
};

class Node
{
  public:
    explicit Node(const Settings &settings)
        : settings_(settings), queue_(settings.options.queue), lock_(lockQueue()),
          run_(randomName().substr(0, 8)), started_(milliseconds()), listener_(settings_)
    {
        queue_.recover();
        shared_.get().bytes = queue_.bytes();
        helpers_[0] = {"segmentation",
                       [this] {
                           listener_.close();
                           runSegmenter(settings_, shared_.get(), queue_);
                       },
                       0, 0};
        helpers_[1] = {"sending",
                       [this] {
                           listener_.close();
                           runSender(settings_, shared_.get(), queue_);
                       },
                       0, 0};
    }
    ~Node()
    {
        for (const auto &child : children_) {
            killProcess(child.second.process);
        }
        for (const Helper &helper : helpers_) {
            if (helper.process > 0) {
                killProcess(helper.process);
            }
        }
    }
    Node(const Node &) = delete;
    Node &operator=(const Node &) = delete;

    void run();

  private:
    Descriptor lockQueue() const;
    void keepHelpers();
    void admit();
    bool freeSlot(size_t &slot);
    void collect();
    void promoteQuiet();
    const Slot *slotOf(const std::string &association);
    double settlingTime(const std::vector<std::string> &open);
    void houseKeeping();
    void end();

    const Settings &settings_;
    SharedMemory shared_;
    Queue queue_;
    Descriptor lock_;
    std::string run_;
    int64_t started_;
    Listener listener_;
    std::map<size_t, Child> children_; /**< by slot */
    Helper helpers_[2];
    uint64_t count_ = 0;
    int64_t nextHousekeeping_ = 0;
};

/** One node per queue. The processes of an earlier one hold the lock until they have died. */
Descriptor Node::lockQueue() const
{
    const std::string path = queue_.folder() + "/node.lock";
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (file.get() < 0) {
        throw systemError(errno, "cannot open", path);
    }
    const int64_t limit = milliseconds(patience);
    while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || milliseconds() > limit) {
            throw NodeError(FSEG_ERROR_BAD_INPUT,
                            "Another node works with this queue; stop it first or choose another "
                            "folder.");
        }
        usleep(100000);
    }
    return file;
}

void Node::keepHelpers()
{
    for (Helper &helper : helpers_) {
        const bool segments = &helper == &helpers_[0];
        const int64_t deadline = segments ? shared_.get().workDeadline : shared_.get().sendDeadline;
        std::string how = "ended";
        bool orderly = false;
        if (helper.process > 0 && deadline > 0 && milliseconds() > deadline) {
            settings_.log(std::string(helper.name) + ": stopped, it took too long");
            killProcess(helper.process);
            while (!hasEnded(helper.process, how, orderly)) {
                usleep(1000);
            }
            how = "took too long";
        } else if (helper.process > 0 && !hasEnded(helper.process, how, orderly)) {
            continue;
        } else if (helper.process > 0) {
            settings_.log(std::string(helper.name) + ": process " + how);
        }
        if (helper.process > 0) {
            helper.process = 0;
            helper.notBefore = milliseconds(1.0);
            (segments ? shared_.get().workDeadline : shared_.get().sendDeadline) = 0;
            if (segments) {
                afterCrash(settings_, queue_, how.c_str());
            }
        }
        if (milliseconds() >= helper.notBefore) {
            helper.process = startProcess(helper.body);
        }
    }
}

/** A place for one more connection. Those that have not yet become an association give way, the
 *  oldest first, so that silent ones cannot keep others out. */
bool Node::freeSlot(size_t &slot)
{
    size_t oldest = maxSlots;
    for (slot = 0; slot < maxSlots; ++slot) {
        const auto child = children_.find(slot);
        if (child == children_.end()) {
            return true;
        }
        if (!shared_.get().slots[slot].established &&
            (oldest == maxSlots || child->second.started < children_[oldest].started)) {
            oldest = slot;
        }
    }
    if (oldest < maxSlots && children_[oldest].started < milliseconds(-spared)) {
        killProcess(children_[oldest].process); // collected in this turn
    }
    return false;
}

void Node::admit()
{
    size_t slot = 0;
    Address from{};
    for (;;) {
        if (!freeSlot(slot)) {
            usleep(20000); // they wait in line
            return;
        }
        Descriptor connection = listener_.accept(from);
        if (connection.get() < 0) {
            return;
        }
        if (!settings_.addressAllowed(from)) {
            settings_.log("a connection from an address that may not call was closed");
            continue;
        }
        Child child;
        child.association = run_ + "-" + std::to_string(++count_);
        child.started = milliseconds();
        Slot &shared = shared_.get().slots[slot];
        shared.established = false;
        shared.receiving = false;
        shared.deadline = milliseconds(settings_.options.request_limit_s);
        child.process = startProcess([&] {
            listener_.close();
            serveAssociation(settings_, shared_.get(), shared, queue_, connection.get(),
                             child.association);
        });
        children_[slot] = child;
    }
}

void Node::collect()
{
    for (auto child = children_.begin(); child != children_.end();) {
        Slot &slot = shared_.get().slots[child->first];
        std::string how;
        bool orderly = false;
        if (milliseconds() > slot.deadline) {
            killProcess(child->second.process);
        }
        if (!hasEnded(child->second.process, how, orderly)) {
            ++child;
            continue;
        }
        if (!orderly) {
            settings_.log("association " + child->second.association +
                          (milliseconds() > slot.deadline ? ": ended, its time was over"
                                                          : ": process " + how));
        }
        slot.established = false;
        child = children_.erase(child);
    }
}

const Slot *Node::slotOf(const std::string &association)
{
    for (const auto &child : children_) {
        if (child.second.association == association) {
            return &shared_.get().slots[child.first];
        }
    }
    return nullptr;
}

/** Seconds without a new instance after which the series counts as complete; below 0: not now. Some
 *  senders keep an association open for long, so that alone holds nothing up. */
double Node::settlingTime(const std::vector<std::string> &open)
{
    double needed = settings_.options.at_release ? 0.0 : settings_.options.settle_s;
    for (const std::string &association : open) {
        const Slot *slot = slotOf(association);
        if (slot && slot->receiving) {
            return -1.0; // the instance may be of this series
        }
        needed =
            std::max(needed, slot ? settings_.options.settle_s : settings_.options.cut_settle_s);
    }
    return needed;
}

void Node::promoteQuiet()
{
    // After a start, senders whose association broke get the time to come back.
    const double up = static_cast<double>(milliseconds() - started_) / 1000.0;
    for (const std::string &key : queue_.keys(FSEG_NODE_RECEIVED)) {
        const std::vector<std::string> open = queue_.openAssociations(key);
        const bool cut = std::any_of(open.begin(), open.end(), [this](const std::string &name) {
            return slotOf(name) == nullptr;
        });
        const double needed = settlingTime(open);
        const double quiet = queue_.quietFor(key);
        if (needed < 0.0 || quiet < needed || up < needed) {
            continue;
        }
        const size_t instances = queue_.instances(FSEG_NODE_RECEIVED, key);
        switch (queue_.promote(key)) {
        case Promotion::Ready:
            settings_.log("series " + key + ": complete, " + std::to_string(instances) +
                          " instances" +
                          (cut ? "; an association broke off, images may be missing" : ""));
            break;
        case Promotion::Known:
            settings_.log("series " + key + ": sent again; so is its SEG");
            break;
        case Promotion::Refused:
            settings_.log("series " + key + ": failed, late");
            break;
        case Promotion::Later:
            break;
        }
    }
}

void Node::houseKeeping()
{
    if (milliseconds() < nextHousekeeping_) {
        return;
    }
    nextHousekeeping_ = milliseconds(housekeeping);
    const size_t forgotten = queue_.purge(settings_.options.keep_s);
    if (forgotten > 0) {
        settings_.log(std::to_string(forgotten) + " old series forgotten");
    }
    shared_.get().bytes = queue_.bytes();
    if (shared_.get().bytes >= settings_.options.quota_bytes) {
        settings_.log("the queue is full; nothing more is accepted");
    }
}

/** Nothing new; what is under way may come to its end. */
void Node::end()
{
    settings_.log("node: ending");
    shared_.get().stopping = true;
    listener_.close();
    const int64_t limit = milliseconds(grace);
    bool running = true;
    while (running && milliseconds() < limit) {
        usleep(20000);
        collect();
        running = !children_.empty();
        for (Helper &helper : helpers_) {
            std::string how;
            bool orderly = false;
            if (helper.process > 0 && hasEnded(helper.process, how, orderly)) {
                helper.process = 0;
            }
            running = running || helper.process > 0;
        }
    }
    settings_.log("node: ended");
}

void Node::run()
{
    settings_.log("node: listening; research use only - not a medical device");
    if (settings_.options.listening) {
        settings_.options.listening(settings_.options.user, listener_.port());
    }
    while (!settings_.options.stop || settings_.options.stop(settings_.options.user) == 0) {
        try {
            keepHelpers();
            if (listener_.wait(turn)) {
                admit();
            }
            collect();
            promoteQuiet();
            houseKeeping();
        } catch (const NodeError &failure) {
            // A full disk or process table may get better; nothing is lost by waiting.
            settings_.log(std::string("node: ") + failure.what());
            usleep(1000000);
        }
    }
    end();
}

} // namespace

} // namespace node
} // namespace frugalseg

extern "C" {

fseg_node_options fseg_node_default_options(void)
{
    fseg_node_options options{};
    options.bind = "127.0.0.1";
    options.port = 11112;
    options.settle_s = 30.0;
    options.cut_settle_s = 600.0;
    options.associations = 16;
    options.request_limit_s = 10.0;
    options.idle_limit_s = 60.0;
    options.instance_limit_s = 120.0;
    options.association_limit_s = 3600.0;
    options.segment_limit_s = 900.0;
    options.send_limit_s = 120.0;
    options.instance_bytes = uint64_t{256} << 20;
    options.quota_bytes = uint64_t{20} << 30;
    options.free_bytes = uint64_t{1} << 30;
    options.memory_bytes = uint64_t{4} << 30;
    options.instances = 4096;
    options.keep_s = 7.0 * 24 * 3600;
    options.give_up_s = 3.0 * 24 * 3600;
    return options;
}

fseg_status fseg_node_run(const fseg_node_options *options, fseg_error *error)
{
    using namespace frugalseg::node;
    return guard(error, [&] {
        if (!options) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "options must not be null");
        }
        const Settings settings(*options);
        Node node(settings);
        node.run();
    });
}

} // extern "C"
