/* Getting series from a PACS: into a folder (C-GET), or to a node (C-MOVE). */
#include "Association.h"
#include "NodeError.h"
#include "QueueFiles.h"
#include "RemotePeer.h"
#include "frugalseg/imaging.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/diutil.h"
#include "dcmtk/dcmnet/dul.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

namespace
{

/** What may be got: the images that can be segmented, and segmentations. */
const char *const wanted[] = {UID_MRImageStorage, UID_EnhancedMRImageStorage,
                              UID_SegmentationStorage};

constexpr size_t mostInstances = 99999;

void cancelled(const fseg_progress *progress, double fraction, const char *stage)
{
    if (fseg_progress_report(progress, fraction, stage) != FSEG_OK) {
        throw NodeError(FSEG_ERROR_CANCELLED, "cancelled");
    }
}

NodeError unsuccessful(const RetrieveResponse &last)
{
    char text[160];
    std::snprintf(text, sizeof text,
                  "The peer ended the transfer with status %04X; %u instances had come, %u failed.",
                  last.m_status, static_cast<unsigned>(last.m_numberOfCompletedSubops),
                  static_cast<unsigned>(last.m_numberOfFailedSubops));
    return NodeError(FSEG_ERROR_IO, text);
}

/**
 * C-GET that writes every instance exactly as it comes, under names of our own. The toolkit's
 * session in its bit-preserving mode would make names from what the peer says (CVE-2026-50003), so
 * the session is ours.
 */
class Getter : public DcmSCU
{
  public:
    Getter(std::string folder, uint64_t instanceBytes, const fseg_progress *progress)
        : folder_(std::move(folder)), instanceBytes_(instanceBytes), progress_(progress)
    {
    }

    OFCondition handleCGETSession(const T_ASC_PresentationContextID, DcmDataset *,
                                  OFList<RetrieveResponse *> *) override
    {
        for (;;) {
            T_ASC_PresentationContextID context = 0;
            T_DIMSE_Message message{};
            DcmDataset *detail = nullptr;
            const OFCondition condition = receiveDIMSECommand(&context, &message, &detail, nullptr);
            delete detail;
            if (condition.bad()) {
                return condition;
            }
            if (message.CommandField == DIMSE_C_GET_RSP) {
                const T_DIMSE_C_GetRSP &answer = message.msg.CGetRSP;
                last.m_status = answer.DimseStatus;
                last.m_numberOfCompletedSubops = answer.NumberOfCompletedSubOperations;
                last.m_numberOfFailedSubops = answer.NumberOfFailedSubOperations;
                last.m_numberOfRemainingSubops = answer.NumberOfRemainingSubOperations;
                if (!DICOM_PENDING_STATUS(last.m_status)) {
                    return EC_Normal;
                }
            } else if (message.CommandField == DIMSE_C_STORE_RQ) {
                const OFCondition stored = store(context, message.msg.CStoreRQ);
                if (stored.bad()) {
                    return stored;
                }
            } else {
                return DIMSE_BADCOMMANDTYPE;
            }
        }
    }

    size_t count = 0;
    bool stopped = false, tooLarge = false;
    RetrieveResponse last;

  protected:
    /** Called while an instance comes: the place to see that it is too large. */
    void notifyRECEIVEProgress(const unsigned long bytes) override
    {
        tooLarge = tooLarge || bytes > instanceBytes_;
        stopped = stopped || fseg_progress_report(progress_, 0.0, "receiving") != FSEG_OK;
    }

  private:
    OFCondition store(T_ASC_PresentationContextID context, T_DIMSE_C_StoreRQ &request)
    {
        char name[16];
        std::snprintf(name, sizeof name, "/%05zu.dcm", count + 1);
        OFCondition condition =
            handleSTORERequestFile(&context, OFString((folder_ + name).c_str()), &request);
        stopped = stopped || fseg_progress_report(progress_, 0.0, "receiving") != FSEG_OK;
        if (condition.good() && !stopped && !tooLarge && count < mostInstances) {
            ++count;
            return sendSTOREResponse(context, STATUS_Success, request);
        }
        sendSTOREResponse(context, STATUS_STORE_Refused_OutOfResources, request);
        return condition.bad() ? condition : OFCondition(EC_IllegalCall);
    }

    std::string folder_;
    uint64_t instanceBytes_;
    const fseg_progress *progress_;
};

/** A folder beside the final one, which takes its place or vanishes. */
class Staging
{
  public:
    explicit Staging(const char *folder) : target_(folder)
    {
        while (target_.size() > 1 && target_.back() == '/') {
            target_.pop_back();
        }
        struct stat info;
        if (lstat(target_.c_str(), &info) == 0 && (!S_ISDIR(info.st_mode) || !isEmpty(target_))) {
            throw NodeError(FSEG_ERROR_BAD_INPUT, "'" + target_ +
                                                      "' exists and is not an empty folder; "
                                                      "choose another.");
        }
        makeFolders(parentOf(target_));
        path_ = parentOf(target_) + "/.frugalseg-" + randomName();
        if (mkdir(path_.c_str(), 0777) != 0) {
            throw systemError(errno, "cannot write", target_);
        }
    }
    ~Staging()
    {
        if (!path_.empty()) {
            try {
                removeTree(path_);
            } catch (const NodeError &) {
                return; // nothing more can be done about it
            }
        }
    }
    Staging(const Staging &) = delete;
    Staging &operator=(const Staging &) = delete;
    const std::string &path() const
    {
        return path_;
    }
    void commit()
    {
        for (const std::string &name : namesIn(path_)) {
            flushToDisk(path_ + "/" + name);
        }
        flushToDisk(path_);
        moveDurably(path_, target_);
        path_.clear();
    }

  private:
    static bool isEmpty(const std::string &folder)
    {
        const std::unique_ptr<DIR, int (*)(DIR *)> directory(opendir(folder.c_str()), closedir);
        size_t names = 0;
        while (directory && readdir(directory.get())) {
            ++names;
        }
        return directory && names <= 2; // itself and its parent
    }

    std::string target_, path_;
};

/** Every stored syntax gets a context of its own, so that nothing has to be converted. */
void offerStorage(DcmSCU &scu)
{
    for (const char *sopClass : wanted) {
        OFList<OFString> plain;
        plain.push_back(UID_LittleEndianExplicitTransferSyntax);
        plain.push_back(UID_LittleEndianImplicitTransferSyntax);
        scu.addPresentationContext(sopClass, plain, ASC_SC_ROLE_SCP);
        for (size_t i = 0; const char *uid = fseg_imaging_transfer_syntax(i); ++i) {
            if (std::strcmp(uid, UID_LittleEndianExplicitTransferSyntax) != 0 &&
                std::strcmp(uid, UID_LittleEndianImplicitTransferSyntax) != 0) {
                OFList<OFString> one;
                one.push_back(uid);
                scu.addPresentationContext(sopClass, one, ASC_SC_ROLE_SCP);
            }
        }
    }
}

OFList<OFString> plainSyntaxes()
{
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
    syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
    return syntaxes;
}

size_t get(const fseg_retrieve_options &options, const char *study, const char *series,
           const char *folder, const fseg_progress *progress)
{
    const uint64_t most = options.instance_bytes ? options.instance_bytes : uint64_t{1} << 30;
    Staging staging(folder);
    Getter getter(staging.path(), most, progress);
    prepare(getter, options);
    getter.addPresentationContext(UID_GETStudyRootQueryRetrieveInformationModel, plainSyntaxes());
    offerStorage(getter);
    connect(getter);
    const T_ASC_PresentationContextID context =
        contextOf(getter, UID_GETStudyRootQueryRetrieveInformationModel, "C-GET");
    cancelled(progress, 0.0, "asking");
    const std::unique_ptr<DcmDataset> question = seriesQuestion(study, series);
    const OFCondition condition = getter.sendCGETRequest(context, question.get(), nullptr);
    if (getter.stopped) {
        getter.abortAssociation();
        throw NodeError(FSEG_ERROR_CANCELLED, "cancelled");
    }
    if (condition.bad()) {
        getter.abortAssociation();
        throw NodeError(FSEG_ERROR_IO,
                        getter.tooLarge
                            ? "An instance is larger than is accepted; nothing was kept."
                            : "The transfer broke off; nothing was kept, try again.");
    }
    getter.releaseAssociation();
    if (getter.last.m_status != STATUS_Success || getter.last.m_numberOfFailedSubops > 0) {
        throw unsuccessful(getter.last);
    }
    if (getter.count == 0) {
        throw NodeError(FSEG_ERROR_NOT_FOUND,
                        "The peer has no MR images or segmentations of this series.");
    }
    staging.commit();
    return getter.count;
}

/** C-MOVE with progress and cancelling between its answers. */
class Mover : public DcmSCU
{
  public:
    explicit Mover(const fseg_progress *progress) : progress_(progress) {}
    OFCondition handleMOVEResponse(const T_ASC_PresentationContextID context,
                                   RetrieveResponse *response, OFBool &more) override
    {
        last.m_status = response->m_status;
        last.m_numberOfCompletedSubops = response->m_numberOfCompletedSubops;
        last.m_numberOfFailedSubops = response->m_numberOfFailedSubops;
        stopped = fseg_progress_report(progress_, 0.0, "moving") != FSEG_OK;
        const OFCondition condition = DcmSCU::handleMOVEResponse(context, response, more);
        if (stopped) {
            more = OFFalse;
        }
        return condition;
    }
    RetrieveResponse last;
    bool stopped = false;

  private:
    const fseg_progress *progress_;
};

size_t move(const fseg_retrieve_options &options, const char *study, const char *series,
            const char *destination, const fseg_progress *progress)
{
    if (!isAeTitle(destination)) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        "The destination must be an AE title of 1 to 16 printable characters.");
    }
    Mover mover(progress);
    prepare(mover, options);
    mover.addPresentationContext(UID_MOVEStudyRootQueryRetrieveInformationModel, plainSyntaxes());
    connect(mover);
    const T_ASC_PresentationContextID context =
        contextOf(mover, UID_MOVEStudyRootQueryRetrieveInformationModel, "C-MOVE");
    const std::unique_ptr<DcmDataset> question = seriesQuestion(study, series);
    const OFCondition condition =
        mover.sendMOVERequest(context, destination, question.get(), nullptr);
    if (mover.stopped) {
        mover.abortAssociation();
        throw NodeError(FSEG_ERROR_CANCELLED, "cancelled");
    }
    if (condition.bad()) {
        mover.abortAssociation();
        throw NodeError(FSEG_ERROR_IO, "The association broke off during the transfer; the "
                                       "destination may have part of the series.");
    }
    mover.releaseAssociation();
    if (mover.last.m_status == STATUS_MOVE_Failed_MoveDestinationUnknown) {
        throw NodeError(FSEG_ERROR_NOT_FOUND,
                        "The peer does not know the destination's AE title; enter it there.");
    }
    if (mover.last.m_status != STATUS_Success || mover.last.m_numberOfFailedSubops > 0) {
        throw unsuccessful(mover.last);
    }
    if (mover.last.m_numberOfCompletedSubops == 0) {
        throw NodeError(FSEG_ERROR_NOT_FOUND, "The peer has no such series.");
    }
    return mover.last.m_numberOfCompletedSubops;
}

} // namespace

} // namespace node
} // namespace frugalseg

extern "C" {

using namespace frugalseg::node;

fseg_status fseg_retrieve_get(const fseg_retrieve_options *options, const char *study_uid,
                              const char *series_uid, const char *folder,
                              const fseg_progress *progress, size_t *instances, fseg_error *error)
{
    return guard(error, [&] {
        if (!options || !folder || !folder[0]) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "options and folder must be given");
        }
        requireUid(study_uid, "The study");
        requireUid(series_uid, "The series");
        const size_t count = get(*options, study_uid, series_uid, folder, progress);
        if (instances) {
            *instances = count;
        }
    });
}

fseg_status fseg_retrieve_move(const fseg_retrieve_options *options, const char *study_uid,
                               const char *series_uid, const char *destination,
                               const fseg_progress *progress, size_t *instances, fseg_error *error)
{
    return guard(error, [&] {
        if (!options || !destination) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "options and destination must be given");
        }
        requireUid(study_uid, "The study");
        requireUid(series_uid, "The series");
        const size_t count = move(*options, study_uid, series_uid, destination, progress);
        if (instances) {
            *instances = count;
        }
    });
}

} // extern "C"
