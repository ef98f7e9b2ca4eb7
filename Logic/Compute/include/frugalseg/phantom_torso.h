/**
 * @file phantom_torso.h
 * Abdominal MR phantom of a person: sex, age, habitus, pathology, any spin echo, artefacts.
 *
 * The anatomy of phantom.h, fitted to a person who is drawn from the seed within published ranges
 * (docs/theory/phantom.md). Labels are those of phantom.h; lesions of the liver count as liver.
 */
#ifndef FRUGALSEG_PHANTOM_TORSO_H
#define FRUGALSEG_PHANTOM_TORSO_H

#include "acquisition.h"
#include "context.h"
#include "phantom.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fseg_sex { FSEG_SEX_ANY = 0, FSEG_SEX_FEMALE, FSEG_SEX_MALE } fseg_sex;

typedef struct fseg_torso_options {
    uint64_t seed;
    fseg_sex sex;             /**< any: one half each */
    double age_low, age_high; /**< years, uniform in 20 to 80 by default */
    double bmi_low, bmi_high; /**< kg/m2, most in the middle of 19 to 36 by default */
    /** How often each finding occurs, 0 = never, 1 = always. */
    double cysts, haemangiomas, metastases, carcinoma, steatosis, iron, ascites, splenomegaly;
} fseg_torso_options;

/** Findings as often as in the population (docs/theory/phantom.md). */
fseg_torso_options fseg_torso_default_options(uint64_t seed);
/** No findings. */
fseg_torso_options fseg_torso_healthy_options(uint64_t seed);

/** Who was drawn. */
typedef struct fseg_person {
    fseg_sex sex;
    double age, bmi;
    double subcutaneous_mm; /**< mean thickness of the fat under the skin */
    double liver_fat;       /**< fraction of its protons: above 0.05 is steatosis */
    double liver_t2_factor; /**< 1, less with iron */
    double spleen_factor;   /**< of its volume: above 1.8 is splenomegaly */
    double ascites_mm;      /**< depth of the fluid, 0 = none */
    int cysts, haemangiomas, metastases, carcinomas; /**< lesions in the liver */
} fseg_person;

/** The person that the options draw. */
fseg_status fseg_torso_describe(const fseg_torso_options *options, fseg_person *out,
                                fseg_error *error);

/**
 * Fill images [echoes, slices, rows, columns] (0 to about 1000) and labels [slices, rows, columns];
 * both belong to the caller, labels may be null. Voxels lie where fseg_acquisition_matrix says; the
 * origin is the body's axis at mid-liver. Same options, same bytes, for any thread count.
 * FSEG_ERROR_INVALID_ARGUMENT with a sentence on what is out of range, a tilt included.
 */
fseg_status fseg_phantom_torso(fseg_context *context, const fseg_torso_options *options,
                               const fseg_acquisition *acquisition, float *images, uint8_t *labels,
                               const fseg_progress *progress, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
