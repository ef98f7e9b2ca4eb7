/* One association that a peer opened: C-ECHO and C-STORE. */
#include "Association.h"

#include "NodeError.h"
#include "frugalseg/imaging.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/assoc.h"
#include "dcmtk/dcmnet/dcmtrans.h"
#include "dcmtk/dcmnet/dimse.h"
#include "dcmtk/dcmnet/dul.h"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace frugalseg
{
namespace node
{

namespace
{

/** What can be segmented. */
const char *const imageClasses[] = {UID_MRImageStorage, UID_EnhancedMRImageStorage};

/** Elements longer than this stay in the file while the header of an instance is checked. */
constexpr Uint32 valueInMemory = 4096;
constexpr long receivePduSize = 65536;

/** A refusal as the sender sees it. */
struct Answer {
    Uint16 status;
    const char *comment; /**< at most 64 characters (0000,0902) */
};
const Answer success = {STATUS_Success, nullptr};
const Answer full = {STATUS_STORE_Refused_OutOfResources,
                     "The node's queue is full; try again later."};
const Answer cannotWrite = {STATUS_STORE_Refused_OutOfResources,
                            "The node cannot write its queue; try again later."};
const Answer tooLarge = {STATUS_STORE_Refused_OutOfResources,
                         "The instance is larger than the node accepts."};
const Answer tooMany = {STATUS_STORE_Refused_OutOfResources,
                        "The series has more instances than the node accepts."};
const Answer mismatch = {STATUS_STORE_Error_DataSetDoesNotMatchSOPClass,
                         "Command and data set name different objects."};
const Answer notUnderstood = {STATUS_STORE_Error_CannotUnderstand,
                              "The data set cannot be read, or lacks its UIDs."};

/** Removes the file at the end of its scope, unless it has found another place. */
class TemporaryFile
{
  public:
    explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
    ~TemporaryFile()
    {
        unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile &) = delete;
    TemporaryFile &operator=(const TemporaryFile &) = delete;
    const std::string &path() const
    {
        return path_;
    }

  private:
    std::string path_;
};

class Association
{
  public:
    Association(const Settings &settings, Shared &shared, Slot &slot, Queue &queue,
                const std::string &name)
        : settings_(settings), shared_(shared), slot_(slot), queue_(queue), name_(name),
          started_(milliseconds())
    {
    }
    ~Association()
    {
        if (association_) {
            ASC_dropSCPAssociation(association_, 1);
            ASC_destroyAssociation(&association_);
        }
        ASC_dropNetwork(&network_);
    }
    Association(const Association &) = delete;
    Association &operator=(const Association &) = delete;

    void serve();

  private:
    void allow(double seconds);
    bool negotiate();
    void reject(T_ASC_RejectParametersResult result, T_ASC_RejectParametersSource source,
                T_ASC_RejectParametersReason reason, const char *why);
    bool waitForMessage();
    bool answer(T_ASC_PresentationContextID context, T_DIMSE_Message &message);
    bool store(T_ASC_PresentationContextID context, T_DIMSE_C_StoreRQ &request);
    const Answer &take(const std::string &path, const T_DIMSE_C_StoreRQ &request);
    static void atEnd(void *user, T_DIMSE_StoreProgress *progress, T_DIMSE_C_StoreRQ *request,
                      char *file, DcmDataset **data, T_DIMSE_C_StoreRSP *response,
                      DcmDataset **detail);

    const Settings &settings_;
    Shared &shared_;
    Slot &slot_;
    Queue &queue_;
    std::string name_;
    int64_t started_;
    T_ASC_Network *network_ = nullptr;
    T_ASC_Association *association_ = nullptr;
    std::set<std::string> series_;
    size_t stored_ = 0, refused_ = 0;
    const Answer *beforehand_ = nullptr; /**< known before an instance is received */
};

/** The node ends this process when the time is over, whatever the toolkit waits for. */
void Association::allow(double seconds)
{
    const int64_t whole =
        started_ + static_cast<int64_t>(settings_.options.association_limit_s * 1000.0);
    slot_.deadline = std::min(milliseconds(seconds), whole);
}

void Association::reject(T_ASC_RejectParametersResult result, T_ASC_RejectParametersSource source,
                         T_ASC_RejectParametersReason reason, const char *why)
{
    const T_ASC_RejectParameters parameters = {result, source, reason};
    ASC_rejectAssociation(association_, &parameters);
    settings_.log("association " + name_ + ": refused, " + why);
}

bool Association::negotiate()
{
    allow(settings_.options.request_limit_s);
    const int limit = std::max(1, static_cast<int>(settings_.options.request_limit_s));
    OFCondition condition = ASC_initializeNetwork(NET_ACCEPTOR, 0, limit, &network_);
    if (condition.good()) {
        condition = ASC_receiveAssociation(network_, &association_, receivePduSize, nullptr,
                                           nullptr, OFFalse, DUL_NOBLOCK, limit);
    }
    DIC_AE calling = "", called = "", responding = "";
    char contextName[DUL_LEN_NAME + 1] = "";
    if (condition.good()) {
        ASC_getAPTitles(association_->params, calling, sizeof calling, called, sizeof called,
                        responding, sizeof responding);
        ASC_getApplicationContextName(association_->params, contextName, sizeof contextName);
    }
    if (!contextName[0]) { // silence, or another protocol
        settings_.log("association " + name_ + ": no DICOM association was asked for");
        return false;
    }
    if (std::strcmp(contextName, UID_StandardApplicationContext) != 0) {
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER,
               ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED, "another application context");
        return false;
    }
    if (settings_.options.aet != std::string(called)) {
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER,
               ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED, "it calls another AE title");
        return false;
    }
    if (!settings_.callerAllowed(calling)) {
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER,
               ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED, "its AE title may not call");
        return false;
    }
    if (shared_.stopping) {
        reject(ASC_RESULT_REJECTEDTRANSIENT, ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
               ASC_REASON_SP_PRES_TEMPORARYCONGESTION, "the node is ending");
        return false;
    }
    slot_.established = true; // counted before it is decided, so that there are never too many
    if (shared_.established() > settings_.options.associations) {
        slot_.established = false;
        reject(ASC_RESULT_REJECTEDTRANSIENT, ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
               ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED, "too many at once");
        return false;
    }
    const char *verification[] = {UID_VerificationSOPClass};
    const char *plain[] = {UID_LittleEndianExplicitTransferSyntax,
                           UID_LittleEndianImplicitTransferSyntax};
    std::vector<const char *> readable;
    for (size_t i = 0; const char *uid = fseg_imaging_transfer_syntax(i); ++i) {
        readable.push_back(uid);
    }
    const char *images[std::size(imageClasses)];
    std::copy(std::begin(imageClasses), std::end(imageClasses), images);
    ASC_acceptContextsWithPreferredTransferSyntaxes(association_->params, verification, 1, plain,
                                                    2);
    ASC_acceptContextsWithPreferredTransferSyntaxes(
        association_->params, images, static_cast<int>(std::size(images)), readable.data(),
        static_cast<int>(readable.size()));
    ASC_setAPTitles(association_->params, nullptr, nullptr, settings_.options.aet);
    if (ASC_countAcceptedPresentationContexts(association_->params) == 0) {
        reject(ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_NOREASON,
               "it offers no MR images");
        return false;
    }
    if (ASC_acknowledgeAssociation(association_).bad()) {
        settings_.log("association " + name_ + ": broken off");
        return false;
    }
    return true;
}

/** Wait in short turns, so that the end of the node is noticed. */
bool Association::waitForMessage()
{
    allow(settings_.options.idle_limit_s);
    while (!ASC_dataWaiting(association_, 1)) {
        if (shared_.stopping || milliseconds() >= slot_.deadline - 500) {
            return false;
        }
    }
    return true;
}

void Association::serve()
{
    if (!negotiate()) {
        return;
    }
    bool released = false;
    OFCondition condition = EC_Normal;
    while (condition.good()) {
        if (!waitForMessage()) {
            break;
        }
        T_ASC_PresentationContextID context = 0;
        T_DIMSE_Message message{};
        condition = DIMSE_receiveCommand(association_, DIMSE_NONBLOCKING,
                                         static_cast<int>(settings_.options.idle_limit_s) + 1,
                                         &context, &message, nullptr);
        if (condition == DUL_PEERREQUESTEDRELEASE) {
            // The marks first: a sender that heard the end must be able to count on it.
            queue_.release(series_, name_);
            ASC_acknowledgeRelease(association_);
            released = true;
            break;
        }
        if (condition.good() && !answer(context, message)) {
            break;
        }
    }
    if (!released && condition != DUL_PEERABORTEDASSOCIATION) {
        ASC_abortAssociation(association_);
    }
    settings_.log("association " + name_ + ": " + std::to_string(stored_) + " instances of " +
                  std::to_string(series_.size()) + " series stored, " + std::to_string(refused_) +
                  " refused, " + (released ? "released" : "broken off"));
}

bool Association::answer(T_ASC_PresentationContextID context, T_DIMSE_Message &message)
{
    switch (message.CommandField) {
    case DIMSE_C_ECHO_RQ:
        return DIMSE_sendEchoResponse(association_, context, &message.msg.CEchoRQ, STATUS_Success,
                                      nullptr)
            .good();
    case DIMSE_C_STORE_RQ:
        return store(context, message.msg.CStoreRQ);
    default: // nothing else was agreed on
        return false;
    }
}

bool Association::store(T_ASC_PresentationContextID context, T_DIMSE_C_StoreRQ &request)
{
    allow(settings_.options.instance_limit_s);
    slot_.receiving = true;
    const TemporaryFile file(queue_.temporary());
    beforehand_ = nullptr;
    if (shared_.bytes >= settings_.options.quota_bytes ||
        bytesFree(queue_.folder()) < settings_.options.free_bytes) {
        beforehand_ = &full;
    }
    // What is refused is received nevertheless, into nothing: the protocol has it so.
    const std::string target = beforehand_ ? NULL_DEVICE_NAME : file.path();
    const OFCondition condition = DIMSE_storeProvider(
        association_, context, &request, target.c_str(), OFTrue, nullptr, atEnd, this,
        DIMSE_NONBLOCKING, static_cast<int>(settings_.options.instance_limit_s) + 1);
    slot_.receiving = false;
    // Out of resources was answered already; the association goes on.
    return condition.good() || condition == DIMSE_OUTOFRESOURCES;
}

/** Called by the toolkit; when all of the instance is there, its answer is decided here. */
void Association::atEnd(void *user, T_DIMSE_StoreProgress *progress, T_DIMSE_C_StoreRQ *request,
                        char *file, DcmDataset **, T_DIMSE_C_StoreRSP *response,
                        DcmDataset **detail)
{
    if (progress->state != DIMSE_StoreEnd) {
        return;
    }
    Association &self = *static_cast<Association *>(user);
    const Answer *answer = &cannotWrite;
    if (self.beforehand_) {
        answer = self.beforehand_;
    } else if (response->DimseStatus == STATUS_Success) {
        try {
            answer = &self.take(file, *request);
        } catch (const std::exception &) {
            answer = &cannotWrite;
        }
    } else if (bytesFree(self.queue_.folder()) >= self.settings_.options.instance_bytes) {
        answer = &tooLarge; // by the limit on files, see limitResources
    }
    response->DimseStatus = answer->status;
    if (answer->status == STATUS_Success) {
        ++self.stored_;
        return;
    }
    ++self.refused_;
    *detail = new DcmDataset;
    (*detail)->putAndInsertString(DCM_ErrorComment, answer->comment);
    self.settings_.log("association " + self.name_ +
                       ": an instance was refused: " + answer->comment);
}

const Answer &Association::take(const std::string &path, const T_DIMSE_C_StoreRQ &request)
{
    DcmFileFormat file;
    if (file.loadFile(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, valueInMemory).bad()) {
        return notUnderstood;
    }
    const auto text = [&](const DcmTagKey &tag) {
        OFString value;
        file.getDataset()->findAndGetOFString(tag, value);
        return std::string(value.c_str());
    };
    const std::string study = text(DCM_StudyInstanceUID), series = text(DCM_SeriesInstanceUID);
    const std::string instance = text(DCM_SOPInstanceUID), sopClass = text(DCM_SOPClassUID);
    if (!isUid(study) || !isUid(series) || !isUid(instance)) {
        return notUnderstood;
    }
    if (instance != request.AffectedSOPInstanceUID || sopClass != request.AffectedSOPClassUID) {
        return mismatch;
    }
    const std::string key = queue_.keyOf(study, series);
    if (queue_.instances(FSEG_NODE_RECEIVED, key) >=
        static_cast<size_t>(settings_.options.instances)) {
        return tooMany;
    }
    const uint64_t bytes = bytesOf(path);
    queue_.place(path, key, queue_.nameOf(instance), name_);
    shared_.bytes += bytes;
    series_.insert(key);
    return success;
}

/** A process that parses what strangers send gets as much memory and disk as that takes. */
void limitResources(const Settings &settings)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) == 0) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        const rlim_t most = (rlim_t{512} << 20) + static_cast<rlim_t>(usage.ru_maxrss) * 1024;
        limit.rlim_cur = std::min(limit.rlim_max, most);
        setrlimit(RLIMIT_DATA, &limit);
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = std::min(limit.rlim_max, rlim_t{settings.options.instance_bytes});
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    std::signal(SIGXFSZ, SIG_IGN); // the write fails instead
}

} // namespace

bool isUid(const std::string &text)
{
    return !text.empty() && text.size() <= 64 && text.front() != '.' && text.back() != '.' &&
           text.find_first_not_of("0123456789.") == std::string::npos;
}

void serveAssociation(const Settings &settings, Shared &shared, Slot &slot, Queue &queue,
                      int socket, const std::string &name) noexcept
{
    try {
        limitResources(settings);
        OFLog::getLogger("dcmtk").setLogLevel(OFLogger::OFF_LOG_LEVEL);
        dcmDisableGethostbyaddr.set(OFTrue); // no question to a name server, which may be slow
        dcmExternalSocketHandle.set(socket);
        dcmSocketReceiveTimeout.set(static_cast<Sint32>(settings.options.idle_limit_s) + 1);
        dcmSocketSendTimeout.set(static_cast<Sint32>(settings.options.idle_limit_s) + 1);
        Association association(settings, shared, slot, queue, name);
        association.serve();
    } catch (const std::exception &exception) {
        settings.log("association " + name + ": broken off by a failure: " + exception.what());
    }
}

} // namespace node
} // namespace frugalseg
