/**
 * @file tissue.h
 * Tissues of torso and pelvis with their relaxation times, and what a spin echo makes of them.
 *
 * One table for every phantom: T1, T2 at 1.5 T and 3 T, proton density, share of fat. Sources are
 * listed in docs/theory/phantom.md; `source` of each row names them in short. Pure functions, any
 * thread. Times in ms, densities as a fraction of water's.
 */
#ifndef FRUGALSEG_TISSUE_H
#define FRUGALSEG_TISSUE_H

#include "random.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The first 19 are in the order in which the abdominal phantom has always drawn them; new tissues
 * go to the end, so that seeds keep their patients. */
typedef enum fseg_tissue {
    FSEG_TISSUE_AIR, /**< and gas in the bowel */
    FSEG_TISSUE_SKIN,
    FSEG_TISSUE_FAT,
    FSEG_TISSUE_MUSCLE,
    FSEG_TISSUE_BONE, /**< cancellous bone with mixed marrow, vertebra */
    FSEG_TISSUE_DISC,
    FSEG_TISSUE_CORD,
    FSEG_TISSUE_FLUID, /**< CSF, bile, fluid in the bowel, ascites, simple cyst */
    FSEG_TISSUE_LUNG,
    FSEG_TISSUE_HEART,
    FSEG_TISSUE_LIVER,
    FSEG_TISSUE_SPLEEN,
    FSEG_TISSUE_KIDNEY_CORTEX,
    FSEG_TISSUE_KIDNEY_MEDULLA,
    FSEG_TISSUE_PANCREAS,
    FSEG_TISSUE_GUT_WALL,
    FSEG_TISSUE_GUT_CONTENT,
    FSEG_TISSUE_VEIN, /**< slow blood */
    FSEG_TISSUE_FLOW, /**< fast blood: signal void */
    /* Pathology of the abdomen. */
    FSEG_TISSUE_METASTASIS,
    FSEG_TISSUE_HAEMANGIOMA,
    FSEG_TISSUE_HCC, /**< hepatocellular carcinoma */
    /* Pelvis. */
    FSEG_TISSUE_PERIPHERAL_ZONE,
    FSEG_TISSUE_TRANSITION_ZONE, /**< its glandular tissue */
    FSEG_TISSUE_STROMA,          /**< stromal nodules of the transition zone */
    FSEG_TISSUE_CENTRAL_ZONE,
    FSEG_TISSUE_ANTERIOR_STROMA, /**< fibromuscular, nearly black */
    FSEG_TISSUE_PROSTATE_CAPSULE,
    FSEG_TISSUE_PROSTATE_CANCER,
    FSEG_TISSUE_GLAND_CYST, /**< cystic glands of hyperplasia */
    FSEG_TISSUE_SEMINAL_VESICLE,
    FSEG_TISSUE_URETHRA,
    FSEG_TISSUE_URINE,
    FSEG_TISSUE_BLADDER_WALL,
    FSEG_TISSUE_RECTAL_WALL,
    FSEG_TISSUE_GEL,   /**< ultrasound gel in the rectum */
    FSEG_TISSUE_STOOL, /**< formed */
    FSEG_TISSUE_LEVATOR,
    FSEG_TISSUE_PENILE_BULB, /**< corpora: slow blood */
    FSEG_TISSUE_NERVE,       /**< neurovascular bundle: nerves and small vessels in fat */
    FSEG_TISSUE_VENOUS_PLEXUS,
    FSEG_TISSUE_LYMPH_NODE,
    FSEG_TISSUE_YELLOW_MARROW, /**< femoral heads, pubic bone */
    FSEG_TISSUE_CORTICAL_BONE,
    FSEG_TISSUE_CARTILAGE,
    FSEG_TISSUE_LIGAMENT,
    FSEG_TISSUE_MYOMETRIUM,
    FSEG_TISSUE_ENDOMETRIUM,
    FSEG_TISSUE_CERVIX,
    FSEG_TISSUE_COUNT
} fseg_tissue;

typedef struct fseg_tissue_values {
    const char *name;
    double density;      /**< protons that give signal (water = 1), what fast flow leaves of them */
    double fat_fraction; /**< of the density: these protons resonate 3.5 ppm lower */
    double t1_ms[2];     /**< at 1.5 T and 3 T, of the water; of fat's main peak in FAT */
    double t2_ms[2];
    double suppressed; /**< density that spectral fat suppression (SPIR) leaves */
    double spread;     /**< half-range of ln T2 between patients at contrast variation 1 */
    const char *source;
} fseg_tissue_values;

/** A row of the table; null for a number outside 0..FSEG_TISSUE_COUNT-1. */
const fseg_tissue_values *fseg_tissue_get(fseg_tissue tissue);

typedef enum fseg_sequence_kind {
    FSEG_SEQUENCE_TURBO_SPIN_ECHO = 0,
    FSEG_SEQUENCE_SPIN_ECHO
} fseg_sequence_kind;

enum { FSEG_ECHOES_MAX = 16 };

/**
 * A T2-weighted sequence. Signal of a tissue, E(T1, T2) = (1 - exp(-recovery / T1)) exp(-TE / T2):
 *
 *     not suppressed:  S = density ((1 - fat) E(T1, T2) + fat E(T1 fat, T2 fat))
 *     suppressed:      S = suppressed E(T1, T2)
 *
 * with recovery = TR - echo_train * echo_spacing for a turbo spin echo (the magnetization recovers
 * after the train) and TR - TE/2 for a spin echo. TE is the effective echo time.
 */
typedef struct fseg_sequence {
    fseg_sequence_kind kind;
    double field_tesla; /**< 1.5 or 3 */
    double tr_ms;
    int echoes; /**< images of one patient that differ in TE and noise alone: 1 to 16 */
    double te_ms[FSEG_ECHOES_MAX]; /**< rising */
    double gain_te_ms;             /**< the TE that sets the receiver's gain; 0 = the first */
    int echo_train;                /**< turbo factor */
    double echo_spacing_ms;
    int fat_suppressed; /**< spectral (SPIR) */
    double variation;   /**< 0 = the table, 1 = T2 and density of each patient drawn widely */
    int vary_protocol;  /**< variation moves TR and TE too, and gives one liver in eight iron */
} fseg_sequence;

/** The liver protocol: TSE with SPIR at 1.5 T, TR 2060, TE 70, 26 echoes of 10 ms. */
fseg_sequence fseg_sequence_liver(void);
/** The prostate protocol: TSE at 3 T, TR 4500, TE 101, 23 echoes of 11 ms, no fat suppression. */
fseg_sequence fseg_sequence_prostate(void);

/** One sentence in `error` on what is out of range. */
fseg_status fseg_sequence_check(const fseg_sequence *sequence, fseg_error *error);

/** S of the table's tissue at echo 0 to echoes - 1, no variation, gain 1. `fat`, unless null: the
 *  part of S that chemical shift moves. */
double fseg_sequence_signal(const fseg_sequence *sequence, fseg_tissue tissue, int echo,
                            double *fat);

/** How one patient's tissue differs from the table. */
typedef struct fseg_tissue_change {
    fseg_tissue tissue;
    double t2_factor;      /**< iron: 0.4 to 0.7 */
    double density_factor; /**< fibrosis, oedema */
    double fat_fraction;   /**< steatosis: in place of the table's; negative: the table's */
} fseg_tissue_change;

/** The scanner's gain: brings the mean of two bright tissues to about gain * bright. */
typedef struct fseg_receiver {
    fseg_tissue a, b;
    float bright; /**< their signal in fseg_sequence_signal's units; 0 = what the table gives */
    float gain;   /**< 0 = 0.73 / bright */
} fseg_receiver;

/** Signal of every tissue in one patient and the fat's part of it. */
typedef struct fseg_signals {
    int echoes;
    float total[FSEG_ECHOES_MAX][FSEG_TISSUE_COUNT];
    float fat[FSEG_ECHOES_MAX][FSEG_TISSUE_COUNT];
} fseg_signals;

/** Draw one patient's signals. All echoes share one gain. `changes` may be null when count = 0. */
void fseg_signals_draw(fseg_random *random, const fseg_sequence *sequence,
                       const fseg_receiver *receiver, const fseg_tissue_change *changes, int count,
                       fseg_signals *out);

#ifdef __cplusplus
}
#endif
#endif
