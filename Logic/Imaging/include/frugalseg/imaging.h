/**
 * @file imaging.h
 * C interface to images: DICOM series, NIfTI and NRRD files, the network's grid, masks, DICOM SEG.
 *
 * Geometry is always carried as a matrix from voxel index (voxel centre) to patient millimetres in
 * DICOM's LPS convention; no function looks at plane names. Objects returned through `out` belong
 * to the caller, who frees them with the matching _free function (null is allowed). Functions are
 * thread-safe as long as no object is changed by one thread while another uses it. Paths are UTF-8.
 */
#ifndef FRUGALSEG_IMAGING_H
#define FRUGALSEG_IMAGING_H

#include "frugalseg/context.h"
#include "frugalseg/model.h"
#include "frugalseg/status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Size and place of a voxel grid. */
typedef struct fseg_geometry {
    size_t size[3];          /**< columns (fastest), rows, slices */
    double ijk_to_lps[4][4]; /**< voxel index -> mm, last row 0 0 0 1 */
} fseg_geometry;

/** Voxel spacing in mm: lengths of the matrix's columns. */
void fseg_geometry_spacing(const fseg_geometry *geometry, double spacing_mm[3]);
/** Same size, and all eight corners within `tolerance_mm`. */
int fseg_geometry_equal(const fseg_geometry *a, const fseg_geometry *b, double tolerance_mm);

/** An image: voxels [slices, rows, columns] in real-world values (rescale applied). */
typedef struct fseg_volume {
    fseg_geometry geometry;
    float *voxels;
    char modality[17]; /**< DICOM Modality; "" when the file does not say */
} fseg_volume;

/** A mask or label map on the same layout. */
typedef struct fseg_mask {
    fseg_geometry geometry;
    uint8_t *voxels;
} fseg_mask;
/** Voxels are not set. *out is null after a failure; free it, null is fine. */
fseg_status fseg_volume_create(const fseg_geometry *geometry, fseg_volume **out, fseg_error *error);
void fseg_volume_free(fseg_volume *volume);
fseg_status fseg_mask_create(const fseg_geometry *geometry, fseg_mask **out, fseg_error *error);
void fseg_mask_free(fseg_mask *mask);

/* ---- files: NIfTI (.nii, .nii.gz) and NRRD (.nrrd), by ITK ------------------------------- */

/** Read a 3D scalar image. NaN or infinite voxels: FSEG_ERROR_NOT_FINITE. */
fseg_status fseg_volume_read(const char *path, fseg_volume **out, fseg_error *error);
/** Read the volumes of a 4D file (echoes, contrasts), all on one grid; a 3D file gives one. Free
 *  with fseg_volume_free_stack. */
fseg_status fseg_volume_read_stack(const char *path, fseg_volume ***out, size_t *count,
                                   fseg_error *error);
void fseg_volume_free_stack(fseg_volume **volumes, size_t count);
/** Read a label map; `label` < 0 keeps the values (0..255), else voxels equal to it become 1. */
fseg_status fseg_mask_read(const char *path, int label, fseg_mask **out, fseg_error *error);
/** Write atomically (temporary file, rename); the suffix of `path` chooses the format. */
fseg_status fseg_volume_write(const fseg_volume *volume, const char *path, fseg_error *error);
fseg_status fseg_mask_write(const fseg_mask *mask, const char *path, fseg_error *error);

/* ---- DICOM series ------------------------------------------------------------------------ */

typedef enum fseg_verdict {
    FSEG_VERDICT_OK = 0,     /**< one regular volume */
    FSEG_VERDICT_AMBIGUOUS,  /**< could be read in more than one way; the user must choose */
    FSEG_VERDICT_REFUSED,    /**< no volume can be placed safely; the reason says why */
    FSEG_VERDICT_REGULARIZED /**< usable: uneven slice distances were taken as even, as allowed; the
                                  reason says by how much. Masks and segmentations keep the slices
                              */
} fseg_verdict;
/** "ok", "ambiguous", "refused", "ok-regularized". */
const char *fseg_verdict_name(fseg_verdict verdict);
/** Whether the voxels can be read: ok or ok-regularized. */
int fseg_verdict_usable(fseg_verdict verdict);

/** One volume of a series. Most series are one volume; echoes, time points, b-values, image types
 *  and stacks of one series are volumes of their own. */
typedef struct fseg_series_info {
    char uid[65];          /**< SeriesInstanceUID */
    char description[129]; /**< SeriesDescription, UTF-8 */
    char modality[17];
    char body_part[17]; /**< BodyPartExamined, may be empty */
    size_t columns, rows, slices;
    double spacing_mm[3]; /**< 0 where unknown */
    fseg_verdict verdict;
    char reason_id[33]; /**< stable identifier, e.g. "missing-slice" (docs/user/messages.md); empty
                             when ok */
    char reason[257];   /**< one sentence; empty when ok */
    /* What the contrast can be told from; 0 or "" where the files do not say. */
    double repetition_ms, echo_ms; /**< RepetitionTime, EchoTime of the first slice */
    char protocol[129];            /**< ProtocolName, UTF-8 */
    char scan_options[65];         /**< ScanOptions, as stored ("FS" is fat saturation) */
    size_t volume, volumes;        /**< number of this volume from 1, and how many the series has */
    char label[97]; /**< what tells it from the others: "echo 2, TE 98 ms"; empty for an only one */
    char key[97];   /**< what fseg_series_list_choose takes: the UID, or "UID#2" if several */
} fseg_series_info;

typedef struct fseg_series_list fseg_series_list;

/**
 * Find all image series, divided into volumes, ordered by SeriesInstanceUID and volume. `folder` is
 * a folder (searched recursively; other files are skipped), a DICOMDIR, a ZIP archive, or one DICOM
 * file. Files of an archive lie in a private temporary folder as long as the list does. Nothing to
 * find: FSEG_ERROR_BAD_INPUT.
 */
fseg_status fseg_series_list_scan(const char *folder, const fseg_progress *progress,
                                  fseg_series_list **out, fseg_error *error);

/** All zero: strict. */
typedef struct fseg_series_scan_options {
    int allow_uneven; /**< not 0: uneven slice distances give FSEG_VERDICT_REGULARIZED instead of a
                           refusal, if no slice is moved by more than half a distance */
} fseg_series_scan_options;
/** The same with options (null = strict). */
fseg_status fseg_series_list_scan_with(const char *path, const fseg_series_scan_options *options,
                                       const fseg_progress *progress, fseg_series_list **out,
                                       fseg_error *error);
/** Whether `path` is an input for them, judged by its first bytes: 1 or 0. */
int fseg_series_is_dicom_input(const char *path);
/** The identifiers that fseg_series_info.reason_id can have, for documentation and tests; null
 *  behind the last. */
const char *fseg_series_reason_id(size_t index);
/** Null is fine. Infos belong to the list; null beyond the last. */
void fseg_series_list_free(fseg_series_list *list);
size_t fseg_series_list_count(const fseg_series_list *list);
const fseg_series_info *fseg_series_list_info(const fseg_series_list *list, size_t index);
/** Index of the volume to use. `uid` (null = any) is a series' UID or the key of a volume. The only
 *  one that fits is taken; otherwise FSEG_ERROR_AMBIGUOUS (several series or volumes; the message
 *  lists them) or FSEG_ERROR_REFUSED (none usable). */
fseg_status fseg_series_list_choose(const fseg_series_list *list, const char *uid, size_t *index,
                                    fseg_error *error);
/** The same; `volume` is the number of a volume, 0 = any. */
fseg_status fseg_series_list_choose_volume(const fseg_series_list *list, const char *uid,
                                           size_t volume, size_t *index, fseg_error *error);
/** Read the voxels of a usable volume; others: FSEG_ERROR_REFUSED or AMBIGUOUS. MONOCHROME1 is
 * turned so that bright is high, as in MONOCHROME2. */
fseg_status fseg_series_read(const fseg_series_list *list, size_t index,
                             const fseg_progress *progress, fseg_volume **out, fseg_error *error);

/** UIDs of the transfer syntaxes whose pixels fseg_series_read decodes, the uncompressed ones
 * first; null behind the last. */
const char *fseg_imaging_transfer_syntax(size_t index);

typedef struct fseg_series_write_options {
    const char *description; /**< SeriesDescription */
    const char *patient_id;  /**< a pseudonym; name is set to the same */
    const char *body_part;   /**< "ABDOMEN", "PROSTATE" or null */
    uint64_t seed;           /**< UIDs (2.25) and file order are derived from it */
} fseg_series_write_options;
/** Write a volume as single-frame MR files into `folder` (created; must be empty or absent).
 *  Values are stored as 16-bit integers with rescale slope and intercept; whole numbers in
 *  -32768..32767 are kept exactly. Nothing remains after a failure. */
fseg_status fseg_series_write(const fseg_volume *volume, const fseg_series_write_options *options,
                              const char *folder, fseg_error *error);

/* DICOM Segmentation objects: seg.h, included at the end. */

/* ---- from the image to the network and back ---------------------------------------------- */

/**
 * The stack of slices that the network sees: reoriented by direction cosines to the nearest
 * left-posterior-superior axes, resampled in plane to the model's spacing, normalized by
 * percentiles of the foreground, padded to a multiple of `size_multiple`.
 */
typedef struct fseg_network_grid {
    int depth, height, width; /**< after padding */
    float *slices;            /**< [depth, height, width], normalized */
    uint8_t *labels;          /**< [depth, height, width] when a label was given, else null */
    fseg_geometry source;     /**< grid of the image */
    fseg_geometry geometry;   /**< grid of the slices, padding included */
} fseg_network_grid;

/** `labels` (same geometry as `volume`) may be null. A constant image: FSEG_ERROR_BAD_INPUT. */
fseg_status fseg_network_grid_create(const fseg_volume *volume, const fseg_mask *labels,
                                     const fseg_input_spec *spec, int size_multiple,
                                     fseg_network_grid **out, fseg_error *error);
void fseg_network_grid_free(fseg_network_grid *grid);
/** Foreground probabilities [depth, height, width] of the grid -> mask on the source geometry:
 *  linear interpolation, threshold, largest 6-connected component. */
fseg_status fseg_network_grid_mask(const fseg_network_grid *grid, const float *probabilities,
                                   double threshold, fseg_mask **out, fseg_error *error);

/* ---- the whole job ----------------------------------------------------------------------- */

/** Why a warning was given; fseg_check_name gives the word that front ends use. */
typedef enum fseg_check {
    FSEG_CHECK_MODALITY = 0, /**< "modality": another one than the card's */
    FSEG_CHECK_BODY_PART,    /**< "body-part": the series shows another one */
    FSEG_CHECK_CONTRAST,     /**< "contrast": the series has another one */
    FSEG_CHECK_PIXEL_SIZE,   /**< "pixel-size": outside the card's */
    FSEG_CHECK_SLICES,       /**< "slice-distance": outside the card's */
    FSEG_CHECK_ORIENTATION,  /**< "orientation": slices lie otherwise than the card says */
    FSEG_CHECK_FIELD,        /**< "field-of-view": outside the card's */
    FSEG_CHECK_EMPTY,        /**< "empty": nothing was found */
    FSEG_CHECK_BORDER,       /**< "border": the mask touches the border of the image */
    FSEG_CHECK_VOLUME_LOW,   /**< "volume-low": below the card's range */
    FSEG_CHECK_VOLUME_HIGH,  /**< "volume-high": above it */
    FSEG_CHECK_ISLANDS,      /**< "islands": several large ones, of which one was kept */
    FSEG_CHECK_ENTROPY       /**< "entropy": the network is unsure about much of the mask */
} fseg_check;
/** The word above; "" for a number that is none of them. */
const char *fseg_check_name(fseg_check check);

#define FSEG_MAX_WARNINGS 12

typedef struct fseg_segment_report {
    double volume_ml;
    double mean_entropy; /**< mean binary entropy (bits) over the mask and its rim */
    double prepare_s, network_s, restore_s;
    size_t network_bytes;                  /**< memory of the network session */
    char warnings[FSEG_MAX_WARNINGS][160]; /**< sentences for the user */
    int warning_count;
    fseg_check checks[FSEG_MAX_WARNINGS]; /**< which each warning is */
} fseg_segment_report;

/** Append to `report` in which respects an image lies outside the model's card, for a choice before
 *  anything is computed. `series` (may be null) tells body part and contrast, as far as its files
 *  do; what they do not say gives no warning. Reads the geometry and modality of `volume` only. */
fseg_status fseg_imaging_check_input(const fseg_model *model, const fseg_volume *volume,
                                     const fseg_series_info *series, fseg_segment_report *report,
                                     fseg_error *error);
/** Weighting of a series: "T1", "T2", "PD", "DWI", or "" when its files do not tell. */
const char *fseg_imaging_weighting(const fseg_series_info *series);

/** All zero: the card's threshold, no map. */
typedef struct fseg_segment_options {
    double threshold; /**< probability above which a voxel is foreground; 0 = the card's */
    int entropy;      /**< not 0: also make the map of entropy */
    const fseg_series_info *series; /**< where the image comes from, for the warnings; or null */
} fseg_segment_options;

/** Most bytes that segmenting an image of this geometry takes besides the image itself, with the
 * map of entropy or without: known before anything is computed. For a context that is created
 * without saying how many threads. */
fseg_status fseg_segment_volume_memory(const fseg_model *model, const fseg_geometry *geometry,
                                       int entropy, size_t *bytes, fseg_error *error);

/** Segment `volume` with `model`; `report` may be null. An empty result is an empty mask and a
 *  warning, not an error. */
fseg_status fseg_segment_volume(fseg_context *context, const fseg_model *model,
                                const fseg_volume *volume, const fseg_progress *progress,
                                fseg_mask **out, fseg_segment_report *report, fseg_error *error);

/** The same with options (null = defaults). `entropy` (null unless options->entropy) receives the
 *  binary entropy in bits, 0 to 1, of the probability that is compared with the threshold, on the
 *  grid of `volume`. */
fseg_status fseg_segment_volume_with(fseg_context *context, const fseg_model *model,
                                     const fseg_volume *volume, const fseg_segment_options *options,
                                     const fseg_progress *progress, fseg_mask **out,
                                     fseg_volume **entropy, fseg_segment_report *report,
                                     fseg_error *error);

/** In what an image is changed to see whether the model's answer stays; bits to be or-ed. */
enum {
    FSEG_VIEW_FLIP_COLUMNS = 1, /**< mirrored left to right */
    FSEG_VIEW_FLIP_ROWS = 2,    /**< mirrored front to back */
    FSEG_VIEW_SMALLER = 4,      /**< pixels a tenth larger: the structure looks smaller */
    FSEG_VIEW_LARGER = 8        /**< pixels a tenth smaller */
};

/** How unsure a model is about an image, for the choice of what to label next. */
typedef struct fseg_uncertainty {
    double mean_entropy; /**< of the plain answer, as in fseg_segment_report; 1 when empty */
    double disagreement; /**< 1 - mean Dice between the plain mask and those of the views; 1 when
                              the plain mask is empty */
    double volume_ml;    /**< of the plain mask */
} fseg_uncertainty;

/** Segment `volume` as it is and in each of `views`, at the cost of one run each; no view gives
 *  disagreement 0. For any thread. Method: docs/theory/uncertainty.md. */
fseg_status fseg_imaging_uncertainty(fseg_context *context, const fseg_model *model,
                                     const fseg_volume *volume, unsigned views,
                                     const fseg_progress *progress, fseg_uncertainty *out,
                                     fseg_error *error);

/* ---- measuring --------------------------------------------------------------------------- */

/** Volume of the voxels > 0 in ml. */
double fseg_mask_volume_ml(const fseg_mask *mask);

typedef struct fseg_mask_agreement {
    double dice;    /**< 3D; both empty: 1, one empty: 0 */
    double hd95_mm; /**< 95th percentile of the symmetric surface distances; both empty: 0, one
                         empty: 200 */
    double volume_ml, truth_ml;
} fseg_mask_agreement;
fseg_status fseg_mask_compare(const fseg_mask *mask, const fseg_mask *truth,
                              fseg_mask_agreement *out, fseg_error *error);

/** A number for people, into `text`: three digits that matter, and never "0" for what is not 0
 *  ("1432", "43.2", "0.0471"). Returns `text`. */
const char *fseg_imaging_format_number(double value, char text[32]);

/** SHA-256 of a file as 64 hex digits and a null. */
fseg_status fseg_file_sha256(const char *path, char hex[65], fseg_error *error);

#ifdef __cplusplus
}
#endif

#include "frugalseg/seg.h"
#endif
