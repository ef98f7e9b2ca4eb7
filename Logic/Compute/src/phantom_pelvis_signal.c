/**
 * @file phantom_pelvis_signal.c
 * Signal of pelvic tissues in a T2-weighted turbo spin echo at 3 T.
 *
 * S = PD (1 - exp(-TR/T1)) exp(-TE/T2). Prostate T2: Simpkin et al., Br J Radiol 2013;86:20120469
 * (peripheral 149 +- 49, transition 125 +- 26, tumour 97 +- 23 ms). Muscle, marrow, fat, prostate
 * T1: de Bazelaire et al., Radiology 2004;230:652; blood: Stanisz et al., MRM 2005;54:507. The T2
 * of fat is the apparent one in a turbo spin echo, longer than in single echoes because the train
 * of pulses holds back its J-coupling (Henkelman et al., JMRI 1994;4:533). Others are our choice,
 * set beside real series (docs/theory/phantom-pelvis.md).
 */
#include "phantom_pelvis_internal.h"

#include <math.h>

typedef struct relaxation {
    float density, t1_ms, t2_ms;
    float spread; /* of ln T2 between patients, at variation 1 */
} relaxation;

static const relaxation tissues[FSEG_PELVIS_TISSUES] = {
    [FSEG_PELVIS_AIR] = {0.0f, 1.0f, 1.0f, 0.0f},
    [FSEG_PELVIS_SKIN] = {0.6f, 900.0f, 40.0f, 0.3f},
    [FSEG_PELVIS_FAT] = {0.95f, 382.0f, 145.0f, 0.3f},
    [FSEG_PELVIS_VISCERAL_FAT] = {0.90f, 382.0f, 145.0f, 0.3f},
    [FSEG_PELVIS_FASCIA] = {0.55f, 800.0f, 45.0f, 0.5f},
    [FSEG_PELVIS_MUSCLE] = {0.80f, 1412.0f, 37.0f, 0.35f},
    [FSEG_PELVIS_LEVATOR] = {0.80f, 1412.0f, 47.0f, 0.35f},
    [FSEG_PELVIS_SPHINCTER] = {0.80f, 1412.0f, 58.0f, 0.35f},
    [FSEG_PELVIS_CORTICAL] = {0.15f, 600.0f, 15.0f, 0.4f},
    [FSEG_PELVIS_MARROW] = {0.85f, 450.0f, 110.0f, 0.5f},
    [FSEG_PELVIS_CARTILAGE] = {0.80f, 1200.0f, 55.0f, 0.5f},
    [FSEG_PELVIS_DETRUSOR] = {0.80f, 1412.0f, 56.0f, 0.35f},
    [FSEG_PELVIS_URINE] = {1.0f, 3800.0f, 1300.0f, 0.8f},
    [FSEG_PELVIS_RECTAL_WALL] = {0.82f, 1400.0f, 60.0f, 0.4f},
    [FSEG_PELVIS_MUCOSA] = {0.85f, 1400.0f, 80.0f, 0.5f},
    [FSEG_PELVIS_STOOL] = {0.50f, 900.0f, 55.0f, 0.7f},
    [FSEG_PELVIS_GEL] = {0.98f, 2800.0f, 600.0f, 0.5f},
    [FSEG_PELVIS_VESICLE_FLUID] = {0.95f, 2200.0f, 260.0f, 0.6f},
    [FSEG_PELVIS_VESICLE_WALL] = {0.80f, 1500.0f, 65.0f, 0.3f},
    [FSEG_PELVIS_PERIPHERAL_ZONE] = {0.90f, 1597.0f, 149.0f, 0.55f},
    [FSEG_PELVIS_TRANSITION_STROMA] = {0.86f, 1500.0f, 80.0f, 0.35f},
    [FSEG_PELVIS_NODULE_GLANDULAR] = {0.90f, 1597.0f, 125.0f, 0.4f},
    [FSEG_PELVIS_NODULE_STROMAL] = {0.84f, 1450.0f, 72.0f, 0.3f},
    [FSEG_PELVIS_ANTERIOR_STROMA] = {0.80f, 1412.0f, 52.0f, 0.3f},
    [FSEG_PELVIS_CAPSULE] = {0.75f, 1400.0f, 50.0f, 0.4f},
    [FSEG_PELVIS_URETHRA] = {0.88f, 1600.0f, 130.0f, 0.4f},
    [FSEG_PELVIS_LESION] = {0.86f, 1500.0f, 80.0f, 0.25f},
    [FSEG_PELVIS_CAVERNOUS] = {0.90f, 1700.0f, 150.0f, 0.4f},
    [FSEG_PELVIS_PLEXUS] = {0.92f, 1900.0f, 190.0f, 0.5f},
    [FSEG_PELVIS_VEIN] = {0.60f, 1932.0f, 110.0f, 0.9f},
    [FSEG_PELVIS_ARTERY] = {0.06f, 1932.0f, 275.0f, 0.5f},
    [FSEG_PELVIS_BONE_SOFT] = {0.45f, 900.0f, 45.0f, 0.5f},
};

void fseg_pelvis_signals(fseg_random *random, double variation, float out[FSEG_PELVIS_TISSUES])
{
    const float v = (float)variation;
    const float tr = 5000.0f * expf(v * fseg_random_range(random, -0.5f, 0.4f));
    const float te = 102.0f * expf(v * fseg_random_range(random, -0.25f, 0.3f));
    /* Beyond the published spread: each tissue's signal on its own, so that a network trained on
       such images relies on shapes and neighbours more than on absolute signal. */
    const float loose = v * v * 0.35f * fseg_random_uniform(random);
    for (int i = 0; i < FSEG_PELVIS_TISSUES; ++i) {
        const relaxation *t = &tissues[i];
        const float t2 = t->t2_ms * expf(v * t->spread * fseg_random_range(random, -1.0f, 1.0f));
        out[i] = t->density * (1.0f - expf(-tr / t->t1_ms)) * expf(-te / t2);
        const float own = fseg_random_normal(random);
        out[i] *= expf(loose * (own > 2.0f ? 2.0f : own < -2.0f ? -2.0f : own));
    }
    /* In many men the peripheral zone is as bright as fat or brighter. */
    if (fseg_random_uniform(random) < 0.45f * v)
        out[FSEG_PELVIS_PERIPHERAL_ZONE] =
            out[FSEG_PELVIS_FAT] * fseg_random_range(random, 0.8f, 1.5f);
    /* Fat is fat: what lies inside the pelvis differs a little. */
    out[FSEG_PELVIS_VISCERAL_FAT] =
        out[FSEG_PELVIS_FAT] * (0.97f + 0.08f * v * fseg_random_range(random, -1.0f, 1.0f));
    /* Fat suppressed: one in twelve at full variation. */
    const float suppress =
        fseg_random_uniform(random) < v / 12.0f ? fseg_random_range(random, 0.1f, 0.5f) : 1.0f;
    out[FSEG_PELVIS_FAT] *= suppress;
    out[FSEG_PELVIS_VISCERAL_FAT] *= suppress;
    out[FSEG_PELVIS_MARROW] *= suppress;
}
