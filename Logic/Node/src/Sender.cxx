/* The process that sends segmentations to the peer. */
#include "Sender.h"

#include "NodeError.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/dcmtrans.h"
#include "dcmtk/dcmnet/dul.h"
#include "dcmtk/dcmnet/scu.h"
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

namespace
{

constexpr useconds_t pause = 100000;
constexpr double longestPause = 300.0;

double now()
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/** An association with the peer, for SEGs only. */
class Connection
{
  public:
    explicit Connection(const Settings &settings)
    {
        const int limit = std::max(1, static_cast<int>(settings.options.send_limit_s / 2));
        OFList<OFString> syntaxes; // how our SEGs are stored
        syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
        scu_.setAETitle(settings.options.aet);
        scu_.setPeerAETitle(settings.options.peer.aet);
        scu_.setPeerHostName(settings.options.peer.host);
        scu_.setPeerPort(static_cast<Uint16>(settings.options.peer.port));
        scu_.setConnectionTimeout(std::min(limit, 10));
        scu_.setACSETimeout(static_cast<Uint32>(std::min(limit, 30)));
        scu_.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
        scu_.setDIMSETimeout(static_cast<Uint32>(limit));
        scu_.addPresentationContext(UID_SegmentationStorage, syntaxes);
        scu_.setDatasetConversionMode(OFFalse);
    }
    ~Connection()
    {
        if (scu_.isConnected()) {
            scu_.releaseAssociation();
        }
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    /** Empty, or why there is no association. */
    std::string open()
    {
        if (scu_.isConnected()) {
            return std::string();
        }
        OFCondition condition = scu_.initNetwork();
        if (condition.good()) {
            condition = scu_.negotiateAssociation();
        }
        if (condition.good()) {
            return std::string();
        }
        if (condition == NET_EC_NoAcceptablePresentationContexts) {
            return "The peer does not take DICOM segmentations.";
        }
        if (condition == DUL_ASSOCIATIONREJECTED) {
            return "The peer refuses the association; does it know this node's AE title?";
        }
        return "The peer cannot be reached.";
    }

    /** Empty, or why the peer has not taken the file; `lost` when the association is. */
    std::string send(const std::string &path, bool &lost)
    {
        Uint16 status = 0;
        const OFCondition condition =
            scu_.sendSTORERequest(0, OFFilename(path.c_str()), nullptr, status);
        lost = condition.bad();
        if (lost) {
            scu_.abortAssociation();
            return "The association broke off while the SEG was sent.";
        }
        // 0111: a peer that has this very object already, from an attempt whose answer was lost.
        if (status == STATUS_Success || (status & 0xF000) == 0xB000 || status == 0x0111) {
            return std::string();
        }
        char text[64];
        std::snprintf(text, sizeof text, "The peer answered with status %04X.", status);
        return text;
    }

  private:
    DcmSCU scu_;
};

/** One round over all that waits; false when the peer is not there. */
bool sendAll(const Settings &settings, Shared &shared, Queue &queue, std::string &unreachable)
{
    Connection connection(settings);
    for (const std::string &key : queue.keys(FSEG_NODE_SEGMENTED)) {
        const std::string file = queue.pathOf(FSEG_NODE_SEGMENTED, key) + "/seg.dcm";
        Reason reason = queue.reasonOf(FSEG_NODE_SEGMENTED, key);
        if (shared.stopping) {
            return true;
        }
        if (reason.notBefore > now()) {
            continue;
        }
        shared.sendDeadline = milliseconds(settings.options.send_limit_s);
        unreachable = connection.open();
        bool lost = false;
        const std::string why = unreachable.empty() ? connection.send(file, lost) : unreachable;
        shared.sendDeadline = 0;
        if (why.empty()) {
            queue.sent(key);
            settings.log("series " + key + ": sent");
            continue;
        }
        const bool over = ageOf(file) > settings.options.give_up_s;
        if (!unreachable.empty() && !over) {
            return false; // no fault of this series; the others would fare alike
        }
        reason.id = unreachable.empty() ? "not-taken" : "unreachable";
        reason.text = why;
        ++reason.attempts;
        reason.notBefore = now() + backoff(reason.attempts);
        if (over) {
            queue.fail(FSEG_NODE_SEGMENTED, key, reason);
            settings.log("series " + key + ": failed, " + reason.id);
        } else {
            queue.note(FSEG_NODE_SEGMENTED, key, reason);
            settings.log("series " + key + ": not sent yet: " + why);
        }
        if (lost) {
            return false;
        }
    }
    return true;
}

} // namespace

double backoff(int attempts)
{
    double seconds = 1.0;
    for (int i = 1; i < attempts && seconds < longestPause; ++i) {
        seconds *= 2.0;
    }
    return std::min(seconds, longestPause);
}

void runSender(const Settings &settings, Shared &shared, Queue &queue) noexcept
{
    try {
        OFLog::getLogger("dcmtk").setLogLevel(OFLogger::OFF_LOG_LEVEL);
        dcmDisableGethostbyaddr.set(OFTrue);
        int unsuccessful = 0;
        while (!shared.stopping) {
            std::string unreachable;
            const bool good = sendAll(settings, shared, queue, unreachable);
            unsuccessful = good ? 0 : unsuccessful + 1;
            if (!unreachable.empty()) {
                settings.log("peer: " + unreachable + " Next attempt in " +
                             std::to_string(static_cast<int>(backoff(unsuccessful))) + " s.");
            }
            const int64_t next = milliseconds(good ? 0.0 : backoff(unsuccessful));
            do {
                usleep(pause);
            } while (!shared.stopping && milliseconds() < next);
        }
    } catch (const std::exception &exception) {
        settings.log(std::string("sending: stopped by a failure: ") + exception.what());
        _exit(1);
    }
}

} // namespace node
} // namespace frugalseg
