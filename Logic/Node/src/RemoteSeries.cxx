/* Asking a PACS what series it has (C-FIND). */
#include "Association.h"
#include "NodeError.h"
#include "RemotePeer.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/diutil.h"
#include "dcmtk/dcmnet/dul.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

struct fseg_remote_list {
    std::vector<fseg_remote_series> series;
};

namespace frugalseg
{
namespace node
{

void requireUid(const char *text, const char *what)
{
    if (!text || !isUid(text)) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        std::string(what) + " must be a UID: digits and dots, at most 64.");
    }
}

void prepare(DcmSCU &scu, const fseg_retrieve_options &options)
{
    if (!options.aet || !isAeTitle(options.aet) || !isAeTitle(options.peer.aet) ||
        !options.peer.host[0] || options.peer.port < 1 || options.peer.port > 65535) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        "Both AE titles must have 1 to 16 printable characters, and the peer needs "
                        "host and port.");
    }
    const double connecting = options.connect_limit_s > 0 ? options.connect_limit_s : 10.0;
    const double answering = options.answer_limit_s > 0 ? options.answer_limit_s : 60.0;
    OFLog::getLogger("dcmtk").setLogLevel(OFLogger::OFF_LOG_LEVEL);
    dcmDisableGethostbyaddr.set(OFTrue);
    scu.setAETitle(options.aet);
    scu.setPeerAETitle(options.peer.aet);
    scu.setPeerHostName(options.peer.host);
    scu.setPeerPort(static_cast<Uint16>(options.peer.port));
    scu.setConnectionTimeout(std::max(1, static_cast<Sint32>(connecting)));
    scu.setACSETimeout(static_cast<Uint32>(std::max(1.0, answering)));
    scu.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
    scu.setDIMSETimeout(static_cast<Uint32>(std::max(1.0, answering)));
}

void connect(DcmSCU &scu)
{
    OFCondition condition = scu.initNetwork();
    if (condition.good()) {
        condition = scu.negotiateAssociation();
    }
    if (condition == DUL_ASSOCIATIONREJECTED) {
        throw NodeError(FSEG_ERROR_REFUSED,
                        "The peer refuses the association; does it know this AE title, and is its "
                        "own spelled right?");
    }
    if (condition == NET_EC_NoAcceptablePresentationContexts) {
        throw NodeError(FSEG_ERROR_UNSUPPORTED, "The peer does not offer this service.");
    }
    if (condition.bad()) {
        throw NodeError(FSEG_ERROR_IO,
                        "The peer cannot be reached; check host and port, and that it runs.");
    }
}

T_ASC_PresentationContextID contextOf(DcmSCU &scu, const char *service, const char *name)
{
    const T_ASC_PresentationContextID context = scu.findPresentationContextID(service, "");
    if (context == 0) {
        throw NodeError(FSEG_ERROR_UNSUPPORTED,
                        std::string("The peer does not offer ") + name + ".");
    }
    return context;
}

std::unique_ptr<DcmDataset> seriesQuestion(const char *studyUid, const char *seriesUid)
{
    auto question = std::make_unique<DcmDataset>();
    question->putAndInsertString(DCM_QueryRetrieveLevel, "SERIES");
    question->putAndInsertString(DCM_StudyInstanceUID, studyUid ? studyUid : "");
    question->putAndInsertString(DCM_SeriesInstanceUID, seriesUid ? seriesUid : "");
    return question;
}

namespace
{

template <size_t Size> void take(DcmDataset &from, const DcmTagKey &tag, char (&to)[Size])
{
    OFString value;
    from.findAndGetOFString(tag, value);
    std::snprintf(to, Size, "%s", value.c_str());
}

/** A list on a terminal must not be able to steer it. */
template <size_t Size> void makePrintable(char (&text)[Size])
{
    for (char *c = text; *c; ++c) {
        if ((static_cast<unsigned char>(*c) < ' ') || *c == 127) {
            *c = '?';
        }
    }
}

using Responses = OFList<QRResponse *>;

/** Send one question; answers that hold no data set are left out. */
std::vector<std::unique_ptr<DcmDataset>> ask(DcmSCU &scu, T_ASC_PresentationContextID context,
                                             DcmDataset &question)
{
    Responses responses;
    const OFCondition condition = scu.sendFINDRequest(context, &question, &responses);
    std::vector<std::unique_ptr<DcmDataset>> answers;
    Uint16 status = STATUS_Success;
    for (QRResponse *response : responses) {
        status = response->m_status;
        if (response->m_dataset) {
            answers.emplace_back(response->m_dataset);
            response->m_dataset = nullptr;
        }
        delete response;
    }
    if (condition.bad()) {
        throw NodeError(FSEG_ERROR_IO, "The association broke off during the question.");
    }
    if (status != STATUS_Success) {
        char text[80];
        std::snprintf(text, sizeof text, "The peer answered the question with status %04X.",
                      status);
        throw NodeError(FSEG_ERROR_REFUSED, text);
    }
    return answers;
}

std::vector<std::string> studiesOf(DcmSCU &scu, T_ASC_PresentationContextID context,
                                   const char *patient)
{
    DcmDataset question;
    question.putAndInsertString(DCM_QueryRetrieveLevel, "STUDY");
    question.putAndInsertString(DCM_PatientID, patient);
    question.putAndInsertString(DCM_StudyInstanceUID, "");
    std::vector<std::string> studies;
    for (const auto &answer : ask(scu, context, question)) {
        char uid[65], id[65];
        take(*answer, DCM_StudyInstanceUID, uid);
        take(*answer, DCM_PatientID, id);
        // Some peers answer with more than was asked for.
        if (isUid(uid) && (!id[0] || std::strcmp(id, patient) == 0)) {
            studies.emplace_back(uid);
        }
    }
    return studies;
}

void addSeries(DcmSCU &scu, T_ASC_PresentationContextID context, const char *study,
               const char *series, std::vector<fseg_remote_series> &found)
{
    const std::unique_ptr<DcmDataset> question = seriesQuestion(study, series);
    for (const DcmTagKey &tag : {DCM_Modality, DCM_SeriesDescription, DCM_BodyPartExamined,
                                 DCM_NumberOfSeriesRelatedInstances}) {
        question->insertEmptyElement(tag);
    }
    for (const auto &answer : ask(scu, context, *question)) {
        fseg_remote_series entry{};
        if (answer->convertToUTF8().bad()) {
            answer->putAndInsertString(DCM_SeriesDescription, "");
        }
        take(*answer, DCM_StudyInstanceUID, entry.study_uid);
        if (!entry.study_uid[0] && study) {
            std::snprintf(entry.study_uid, sizeof entry.study_uid, "%s", study);
        }
        take(*answer, DCM_SeriesInstanceUID, entry.series_uid);
        take(*answer, DCM_Modality, entry.modality);
        take(*answer, DCM_SeriesDescription, entry.description);
        take(*answer, DCM_BodyPartExamined, entry.body_part);
        makePrintable(entry.modality);
        makePrintable(entry.description);
        makePrintable(entry.body_part);
        OFString number;
        answer->findAndGetOFString(DCM_NumberOfSeriesRelatedInstances, number);
        entry.instances = number.empty() ? -1 : std::atol(number.c_str());
        if (isUid(entry.series_uid) && isUid(entry.study_uid)) {
            found.push_back(entry);
        }
    }
}

} // namespace

} // namespace node
} // namespace frugalseg

extern "C" {

using namespace frugalseg::node;

fseg_status fseg_retrieve_find(const fseg_retrieve_options *options, const char *patient_id,
                               const char *study_uid, const char *series_uid,
                               fseg_remote_list **out, fseg_error *error)
{
    return guard(error, [&] {
        if (!options || !out || (!patient_id && !study_uid && !series_uid)) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                            "A patient, a study or a series must be given.");
        }
        *out = nullptr;
        if (study_uid) {
            requireUid(study_uid, "The study");
        }
        if (series_uid) {
            requireUid(series_uid, "The series");
        }
        if (patient_id &&
            (!patient_id[0] || std::strlen(patient_id) > 64 || std::strpbrk(patient_id, "*?\\"))) {
            throw NodeError(
                FSEG_ERROR_INVALID_ARGUMENT,
                "A patient is named by the whole pseudonym, without * ? and backslash.");
        }
        DcmSCU scu;
        prepare(scu, *options);
        OFList<OFString> syntaxes;
        syntaxes.push_back(UID_LittleEndianExplicitTransferSyntax);
        syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
        scu.addPresentationContext(UID_FINDStudyRootQueryRetrieveInformationModel, syntaxes);
        connect(scu);
        const T_ASC_PresentationContextID context = contextOf(
            scu, UID_FINDStudyRootQueryRetrieveInformationModel, "questions in the study root");
        auto list = std::make_unique<fseg_remote_list>();
        if (patient_id && !study_uid) {
            for (const std::string &study : studiesOf(scu, context, patient_id)) {
                addSeries(scu, context, study.c_str(), series_uid, list->series);
            }
        } else {
            addSeries(scu, context, study_uid, series_uid, list->series);
        }
        scu.releaseAssociation();
        *out = list.release();
    });
}

void fseg_remote_list_free(fseg_remote_list *list)
{
    delete list;
}

size_t fseg_remote_list_count(const fseg_remote_list *list)
{
    return list ? list->series.size() : 0;
}

const fseg_remote_series *fseg_remote_list_series(const fseg_remote_list *list, size_t index)
{
    return list && index < list->series.size() ? &list->series[index] : nullptr;
}

} // extern "C"
