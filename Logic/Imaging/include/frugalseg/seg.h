/**
 * @file seg.h
 * DICOM Segmentation objects: the table of coded structures, writing, opening.
 *
 * The rules of imaging.h: objects returned through `out` belong to the caller, functions are
 * thread-safe on different objects, paths are UTF-8. Identifiers are part of the objects by their
 * nature; no message, note or error text of this interface holds a patient's value.
 */
#ifndef FRUGALSEG_SEG_H
#define FRUGALSEG_SEG_H

#include "frugalseg/imaging.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- structures and their codes ---------------------------------------------------------- */

/** A code of DICOM's: value, coding scheme ("SCT" is SNOMED CT), meaning. */
typedef struct fseg_code {
    const char *value, *scheme, *meaning;
} fseg_code;

/** What a segment can be called. The only place where codes and colours stand. */
typedef struct fseg_structure {
    const char *name;    /**< the word of model cards and options: "liver" */
    const char *label;   /**< for people: "Liver" */
    fseg_code category;  /**< 123037004 SCT Anatomical Structure */
    fseg_code type;      /**< 10200004 SCT Liver */
    fseg_code side;      /**< 24028007 SCT Right, 7771000 SCT Left; value null: none */
    const char *retired; /**< the SNOMED RT value of `type`, which older files use; or null */
    uint8_t rgb[3];      /**< 3D Slicer's recommended colour where it has one */
} fseg_structure;

/** The structure of this name; null when there is none: nothing is coded by default. */
const fseg_structure *fseg_structure_find(const char *name);
/** The structures one by one, from 0; null behind the last. */
const fseg_structure *fseg_structure_at(size_t index);

/* ---- writing ----------------------------------------------------------------------------- */

typedef enum fseg_seg_type {
    FSEG_SEG_BINARY = 0, /**< one bit a voxel; what other programs read today */
    FSEG_SEG_LABELMAP    /**< one byte a voxel, the object of 2024 (Supplement 243) */
} fseg_seg_type;
/** "binary", "labelmap"; null for a number that is neither. */
const char *fseg_seg_type_name(fseg_seg_type type);

/** One segment of a label map. */
typedef struct fseg_seg_segment {
    const char *structure; /**< a name of the table above; others: FSEG_ERROR_UNSUPPORTED */
    int value;             /**< of its voxels in the mask, 1 to 255 */
    int edited;            /**< 0: AUTOMATIC, 1: SEMIAUTOMATIC */
} fseg_seg_segment;

#define FSEG_MAX_SEGMENTS 32

typedef struct fseg_seg_options {
    const char *structure; /**< of all voxels > 0, unless `segments` is given */
    const char *model_name;
    const char *model_version;
    const char *model_sha256; /**< 64 hex digits of the model file */
    int edited;               /**< 0: AUTOMATIC, 1: SEMIAUTOMATIC */
    /* The segmentation object that this one was corrected from: both UIDs or none (null or ""). */
    const char *predecessor_instance_uid;
    const char *predecessor_series_uid;
    /* All of the following may be zero. */
    const fseg_seg_segment *segments; /**< several structures; voxels of other values count as
                                           background only if they are 0, else BAD_INPUT */
    size_t segment_count;             /**< at most FSEG_MAX_SEGMENTS */
    fseg_seg_type type;
    const char *uid_root; /**< an own root for new UIDs, as "1.2.840.99999"; null: environment
                               FRUGALSEG_UID_ROOT, else 2.25 (which needs no registration) */
    const char *creator;  /**< pseudonym of the person who edited (ContentCreatorName); null:
                               environment FRUGALSEG_EDITOR, else none */
    const char *predecessor_class_uid; /**< SOPClassUID of the predecessor; null or "": that of
                                            Segmentation Storage */
} fseg_seg_options;

/** What became of an attribute of the source that breaks DICOM's rules. */
typedef enum fseg_seg_note_kind {
    FSEG_NOTE_REPAIRED = 0, /**< "repaired": its meaning was clear; written in the right form */
    FSEG_NOTE_DROPPED,      /**< "dropped": left empty */
    FSEG_NOTE_INVENTED      /**< "invented": an identifier was missing, and made up */
} fseg_seg_note_kind;
const char *fseg_seg_note_name(fseg_seg_note_kind kind);

typedef struct fseg_seg_note {
    char attribute[48]; /**< keyword: "PatientBirthDate" */
    fseg_seg_note_kind kind;
    char text[176]; /**< a sentence without the value: "PatientBirthDate is no date; it was ..." */
} fseg_seg_note;

#define FSEG_MAX_NOTES 24

/** What writing did. */
typedef struct fseg_seg_report {
    char instance_uid[65], series_uid[65]; /**< of the new object */
    int note_count;
    fseg_seg_note notes[FSEG_MAX_NOTES]; /**< in the order of the attributes */
} fseg_seg_report;

/** Write `mask` (on the grid of the series) as a DICOM Segmentation, referencing every source
 *  instance; atomic. A defect of the source that the segmentation can do without is repaired or
 *  left out; one that it cannot do without (study or instance UID, two patients in one series) is
 *  FSEG_ERROR_BAD_INPUT with its name. So is an empty mask, and an earlier file at `path` that
 *  holds a person's corrections or would be replaced by one: both are to be kept. */
fseg_status fseg_seg_write(const fseg_series_list *list, size_t index, const fseg_mask *mask,
                           const fseg_seg_options *options, const char *path, fseg_error *error);
/** The same; `report` (may be null) receives the new UIDs and what was repaired or left out. */
fseg_status fseg_seg_write_with(const fseg_series_list *list, size_t index, const fseg_mask *mask,
                                const fseg_seg_options *options, const char *path,
                                fseg_seg_report *report, fseg_error *error);

/* ---- opening ----------------------------------------------------------------------------- */

/** What a DICOM Segmentation says about itself; texts are "" where it says nothing. */
typedef struct fseg_seg_content {
    char instance_uid[65]; /**< SOPInstanceUID */
    char series_uid[65];   /**< SeriesInstanceUID */
    char source_series_uid[65];
    char structure[64]; /**< name of the first segment's structure; "" for one not in the table */
    char model_name[65];
    char model_version[65];
    char model_sha256[65];
    int edited;    /**< 1: at least one segment is SEMIAUTOMATIC or MANUAL */
    int ours;      /**< 1: FrugalSeg wrote it */
    char type[17]; /**< "BINARY", "FRACTIONAL", "LABELMAP" */
    size_t segment_count;
    size_t frame_count;
    char frame_of_reference_uid[65];
    char creator[129];  /**< ContentCreatorName */
    char class_uid[65]; /**< SOPClassUID: Segmentation or Label Map Segmentation Storage */
} fseg_seg_content;

/** One segment of an opened file. */
typedef struct fseg_seg_segment_info {
    int number;          /**< SegmentNumber */
    char structure[64];  /**< name of the table; "" when its code is not there */
    char label[65];      /**< SegmentLabel, UTF-8 */
    char code_value[65]; /**< of the property type */
    char code_scheme[17];
    char code_meaning[65];
    char algorithm_type[17]; /**< "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL" */
    char algorithm_name[65];
    int has_color;
    uint8_t rgb[3];
} fseg_seg_segment_info;

typedef struct fseg_seg_file fseg_seg_file;

/** Open a DICOM Segmentation of any program (BINARY, LABELMAP, FRACTIONAL) without its voxels.
 * Sizes are compared with the file before anything is decoded. Not one, damaged, too large, or of
 * more than FSEG_MAX_OPEN_SEGMENTS segments: FSEG_ERROR_BAD_INPUT. */
fseg_status fseg_seg_file_open(const char *path, fseg_seg_file **out, fseg_error *error);
void fseg_seg_file_free(fseg_seg_file *file);
const fseg_seg_content *fseg_seg_file_content(const fseg_seg_file *file);
/** From 0; null behind the last. */
const fseg_seg_segment_info *fseg_seg_file_segment(const fseg_seg_file *file, size_t index);

#define FSEG_MAX_OPEN_SEGMENTS 255

/** Voxels (0, 1) of the segment at `index` on `grid`, the grid of the series that it was made for.
 *  Frames are placed by their geometry alone: their order, and rows and columns that run the other
 *  way, do not matter. A frame between the voxels of the grid, or foreground outside it:
 *  FSEG_ERROR_BAD_INPUT. Probabilities (FRACTIONAL) need a `threshold` above 0 and up to 1; with 0
 *  they are refused. */
fseg_status fseg_seg_file_read(const fseg_seg_file *file, size_t index, const fseg_geometry *grid,
                               double threshold, fseg_mask **out, fseg_error *error);
/** All segments as a label map: index + 1 for the voxels of each. Overlap: FSEG_ERROR_BAD_INPUT. */
fseg_status fseg_seg_file_read_labels(const fseg_seg_file *file, const fseg_geometry *grid,
                                      double threshold, fseg_mask **out, fseg_error *error);

/** The content of a DICOM Segmentation, in one call. */
fseg_status fseg_seg_identify(const char *path, fseg_seg_content *out, fseg_error *error);
/** Read the only segment onto `grid`; several: FSEG_ERROR_AMBIGUOUS. `content` may be null. */
fseg_status fseg_seg_read(const char *path, const fseg_geometry *grid, fseg_mask **out,
                          fseg_seg_content *content, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
