/* Patient and study attributes of a source series, cleaned for objects derived from it. */
#include "DicomSource.h"
#include "DicomAttributes.h"
#include "DicomRepair.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcspchrs.h"
#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <set>

namespace frugalseg
{

namespace
{

struct CopiedAttribute {
    DcmTagKey tag;
    TextUse use;
};

/** The white list: nothing else of the source enters a derived object. */
const CopiedAttribute copiedAttributes[] = {
    {DCM_PatientName, TextUse::identifier},
    {DCM_PatientID, TextUse::identifier},
    {DCM_IssuerOfPatientID, TextUse::identifier},
    {DCM_PatientBirthDate, TextUse::identifier},
    {DCM_PatientSex, TextUse::identifier},
    {DCM_PatientAge, TextUse::identifier},
    {DCM_PatientIdentityRemoved, TextUse::identifier},
    {DCM_DeidentificationMethod, TextUse::description},
    {DCM_StudyInstanceUID, TextUse::identifier},
    {DCM_StudyDate, TextUse::identifier},
    {DCM_StudyTime, TextUse::identifier},
    {DCM_ReferringPhysicianName, TextUse::identifier},
    {DCM_StudyID, TextUse::identifier},
    {DCM_AccessionNumber, TextUse::identifier},
    {DCM_StudyDescription, TextUse::description},
    {DCM_FrameOfReferenceUID, TextUse::identifier},
    {DCM_PositionReferenceIndicator, TextUse::description},
    {DCM_LossyImageCompression, TextUse::identifier},
    {DCM_LossyImageCompressionRatio, TextUse::identifier},
    {DCM_LossyImageCompressionMethod, TextUse::identifier},
};

[[noreturn]] void refuse(const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT, why);
}

std::string keywordOf(const DcmTagKey &tag)
{
    return DcmTag(tag).getTagName();
}

class Cleaner
{
  public:
    Cleaner(DcmItem &source, SourceAttributes &result) : source_(source), result_(result)
    {
        charset_ = attributeTexts(source_, DCM_SpecificCharacterSet);
        DcmSpecificCharacterSet converter;
        if (!charset_.empty() &&
            converter.selectCharacterSet(OFString(charset_.c_str()), "ISO_IR 192").bad()) {
            note(DCM_SpecificCharacterSet, FSEG_NOTE_REPAIRED,
                 "names no character set that is known; texts were read as UTF-8.");
            charset_ = "ISO_IR 192";
        }
    }
    void copy(const CopiedAttribute &attribute)
    {
        const std::string raw = attributeTexts(source_, attribute.tag);
        const std::string text = toUtf8(raw, charset_);
        const RepairedValue value = repairValue(attribute.tag, text, attribute.use);
        result_.data->putAndInsertString(attribute.tag, value.value.c_str());
        if (raw.empty() && source_.tagExistsWithValue(attribute.tag)) {
            note(attribute.tag, FSEG_NOTE_DROPPED, "cannot be read; it was left empty.");
        } else if (value.outcome == RepairedValue::Outcome::dropped) {
            note(attribute.tag, FSEG_NOTE_DROPPED, value.reason + "; it was left empty.");
        } else if (value.outcome == RepairedValue::Outcome::repaired) {
            note(attribute.tag, FSEG_NOTE_REPAIRED, value.reason + "; it was put right.");
        } else if (std::count(text.begin(), text.end(), '?') >
                   std::count(raw.begin(), raw.end(), '?')) {
            note(
                attribute.tag, FSEG_NOTE_REPAIRED,
                "has characters that its character set does not have; each was replaced by \"?\".");
        } else if (hasControls(raw)) {
            note(attribute.tag, FSEG_NOTE_REPAIRED,
                 "has control characters; each was replaced by a space.");
        }
    }
    void note(const DcmTagKey &tag, fseg_seg_note_kind kind, const std::string &what)
    {
        fseg_seg_note entry{};
        const std::string keyword = keywordOf(tag);
        copyText(entry.attribute, sizeof entry.attribute, keyword);
        entry.kind = kind;
        copyText(entry.text, sizeof entry.text, keyword + " of the source " + what);
        result_.notes.push_back(entry);
    }
    bool has(const DcmTagKey &tag) const
    {
        OFString value;
        return result_.data->findAndGetOFString(tag, value).good() && !value.empty();
    }
    std::string value(const DcmTagKey &tag) const
    {
        return attributeTexts(*result_.data, tag);
    }
    void set(const DcmTagKey &tag, const std::string &text)
    {
        result_.data->putAndInsertString(tag, text.c_str());
    }

  private:
    /** Escape belongs to character sets that are switched within a text; a null pads. */
    static bool hasControls(const std::string &raw)
    {
        return std::any_of(raw.begin(), raw.end(), [](unsigned char c) {
            return (c < 0x20 && c != 0x1B && c != 0) || c == 0x7F;
        });
    }
    DcmItem &source_;
    SourceAttributes &result_;
    std::string charset_;
};

void readHeader(const SliceHeader &slice, DcmFileFormat &file)
{
    constexpr Uint32 longestInMemory = 4096;
    const OFCondition condition =
        file.loadFileUntilTag(OFFilename(slice.path.c_str()), EXS_Unknown, EGL_noChange,
                              longestInMemory, ERM_autoDetect, DCM_PixelData);
    if (condition.bad()) {
        refuse("the file \"" + slice.name + "\" cannot be read any more (" + condition.text() +
               ")");
    }
    if (attributeText(*file.getDataset(), DCM_SOPInstanceUID) != slice.sopInstance) {
        refuse("the file \"" + slice.name +
               "\" changed after the folder was scanned; scan it again");
    }
}

/** Every source image must be there to be referred to, once, and be of the same patient. */
void checkInstances(const std::vector<SliceHeader> &slices, DcmItem &first, std::string &lossy)
{
    const std::string patient = attributeTexts(first, DCM_PatientID);
    const std::string birthDate = attributeTexts(first, DCM_PatientBirthDate);
    std::set<std::string> paths, instances;
    for (const SliceHeader &slice : slices) {
        if (!paths.insert(slice.path).second) {
            continue; // another frame of a file that was looked at
        }
        if (!isUniqueIdentifier(slice.sopInstance)) {
            refuse("SOPInstanceUID of the file \"" + slice.name +
                   "\" is missing or no unique "
                   "identifier, so that no segmentation can refer to it");
        }
        if (!instances.insert(slice.sopInstance).second) {
            refuse("SOPInstanceUID of the file \"" + slice.name +
                   "\" is also that of another file, so that no segmentation can refer to either");
        }
        DcmFileFormat file;
        readHeader(slice, file);
        if (attributeTexts(*file.getDataset(), DCM_PatientID) != patient ||
            attributeTexts(*file.getDataset(), DCM_PatientBirthDate) != birthDate) {
            refuse("PatientID or PatientBirthDate differs between the files of the series; a "
                   "segmentation of two patients is not written");
        }
        if (attributeText(*file.getDataset(), DCM_LossyImageCompression) == "01") {
            lossy = slice.path;
        }
    }
}

/** Loss must be recorded with how and by how much, or a reader takes the record for damaged. */
void finishLossy(Cleaner &cleaner)
{
    const std::string ratio = cleaner.value(DCM_LossyImageCompressionRatio);
    const std::string method = cleaner.value(DCM_LossyImageCompressionMethod);
    const bool lossy = cleaner.value(DCM_LossyImageCompression) == "01";
    const bool complete = !ratio.empty() && !method.empty() &&
                          std::count(ratio.begin(), ratio.end(), '\\') ==
                              std::count(method.begin(), method.end(), '\\');
    if (lossy && complete) {
        return;
    }
    if (lossy) {
        cleaner.note(DCM_LossyImageCompression, FSEG_NOTE_DROPPED,
                     "says that pixels were lost, but not how and by how much; it was left out.");
    }
    for (const DcmTagKey &tag : {DCM_LossyImageCompression, DCM_LossyImageCompressionRatio,
                                 DCM_LossyImageCompressionMethod}) {
        cleaner.set(tag, "");
    }
}

} // namespace

SourceAttributes::SourceAttributes() : data(std::make_unique<DcmDataset>()) {}
SourceAttributes::SourceAttributes(SourceAttributes &&) noexcept = default;
SourceAttributes::~SourceAttributes() = default;

SourceAttributes sourceAttributes(const std::vector<SliceHeader> &slices)
{
    const SliceHeader &first = slices.front();
    DcmFileFormat file, lossyFile;
    readHeader(first, file);
    std::string lossy;
    checkInstances(slices, *file.getDataset(), lossy);
    if (!isUniqueIdentifier(first.series)) {
        refuse("SeriesInstanceUID of the series is no unique identifier, so that no segmentation "
               "can refer to it");
    }

    SourceAttributes result;
    result.data->putAndInsertString(DCM_SpecificCharacterSet, "ISO_IR 192");
    Cleaner cleaner(*file.getDataset(), result);
    for (const CopiedAttribute &attribute : copiedAttributes) {
        cleaner.copy(attribute);
    }
    if (!cleaner.has(DCM_StudyInstanceUID)) {
        refuse("StudyInstanceUID of the series is missing or no unique identifier, so that no "
               "segmentation can refer to it");
    }
    if (!cleaner.has(DCM_FrameOfReferenceUID)) {
        // The slices share one position in space all the same; name it after the series.
        cleaner.set(DCM_FrameOfReferenceUID, uidFromName("frame of reference of " + first.series));
        cleaner.note(
            DCM_FrameOfReferenceUID, FSEG_NOTE_INVENTED,
            "is missing or no unique identifier; one was made up from that of the series.");
    }
    if (cleaner.value(DCM_PatientIdentityRemoved) == "YES" &&
        !cleaner.has(DCM_DeidentificationMethod)) {
        cleaner.set(DCM_DeidentificationMethod, "as stated in the source images");
    }
    if (!lossy.empty() && lossy != first.path) {
        // The first slice kept every bit, another did not.
        const auto at = std::find_if(slices.begin(), slices.end(),
                                     [&](const SliceHeader &slice) { return slice.path == lossy; });
        readHeader(*at, lossyFile);
        for (const DcmTagKey &tag : {DCM_LossyImageCompression, DCM_LossyImageCompressionRatio,
                                     DCM_LossyImageCompressionMethod}) {
            cleaner.set(tag, repairValue(tag, attributeTexts(*lossyFile.getDataset(), tag),
                                         TextUse::identifier)
                                 .value);
        }
    }
    finishLossy(cleaner);
    return result;
}

} // namespace frugalseg
