/**
 * @file phantom_signal.c
 * Signal of a fat-suppressed T2-weighted turbo spin echo.
 *
 * S = PD (1 - exp(-TR/T1)) exp(-TE/T2), with relaxation times at 1.5 T from de Bazelaire et al.,
 * Radiology 2004;230:652 (liver, spleen, kidney, pancreas, muscle, marrow) and Stanisz et al.,
 * MRM 2005;54:507 (blood, cord). See docs/theory/phantom.md.
 */
#include "phantom_internal.h"

#include <math.h>

typedef struct relaxation {
    float density; /* what suppression and flow leave, water = 1 */
    float t1_ms, t2_ms;
    float spread; /* of ln T2 and ln density between patients at variation 1 */
} relaxation;

static const relaxation tissues[FSEG_TISSUE_COUNT] = {
    [FSEG_TISSUE_AIR] = {0.0f, 1.0f, 1.0f, 0.0f},
    [FSEG_TISSUE_SKIN] = {0.42f, 900.0f, 40.0f, 0.3f},
    [FSEG_TISSUE_FAT] = {0.13f, 343.0f, 58.0f, 0.6f}, /* suppressed */
    [FSEG_TISSUE_MUSCLE] = {0.74f, 950.0f, 34.0f, 0.25f},
    [FSEG_TISSUE_BONE] = {0.36f, 549.0f, 49.0f, 0.4f}, /* marrow's fat suppressed */
    [FSEG_TISSUE_DISC] = {0.55f, 1000.0f, 80.0f, 0.5f},
    [FSEG_TISSUE_CORD] = {0.75f, 745.0f, 74.0f, 0.2f},
    [FSEG_TISSUE_FLUID] = {0.95f, 3500.0f, 1500.0f, 0.2f},
    [FSEG_TISSUE_LUNG] = {0.10f, 1000.0f, 40.0f, 0.5f},
    [FSEG_TISSUE_HEART] = {0.62f, 1030.0f, 60.0f, 0.4f},
    [FSEG_TISSUE_LIVER] = {0.84f, 586.0f, 46.0f, 0.3f},
    [FSEG_TISSUE_SPLEEN] = {0.92f, 1057.0f, 79.0f, 0.2f},
    [FSEG_TISSUE_KIDNEY_CORTEX] = {0.88f, 966.0f, 87.0f, 0.15f},
    [FSEG_TISSUE_KIDNEY_MEDULLA] = {0.98f, 1200.0f, 95.0f, 0.2f},
    [FSEG_TISSUE_PANCREAS] = {0.85f, 584.0f, 56.0f, 0.3f},
    [FSEG_TISSUE_GUT_WALL] = {0.78f, 800.0f, 60.0f, 0.3f},
    [FSEG_TISSUE_GUT_CONTENT] = {0.66f, 1200.0f, 75.0f, 0.4f},
    [FSEG_TISSUE_VEIN] = {0.68f, 1441.0f, 200.0f, 0.3f},
    [FSEG_TISSUE_FLOW] = {0.10f, 1441.0f, 290.0f, 0.5f},
};

static const float tr_ms = 1800.0f, te_ms = 70.0f;
/* Brings spleen and kidneys of the published values to about 0.65 and 0.75. */
static const float receiver_gain = 2.15f;

void fseg_phantom_signals(fseg_random *random, double variation, double echo,
                          float out[FSEG_TISSUE_COUNT])
{
    const float v = (float)variation;
    const float tr = tr_ms * expf(v * fseg_random_range(random, -0.2f, 0.7f));
    const float te = te_ms * expf(v * fseg_random_range(random, -0.3f, 0.35f));
    /* Iron shortens the liver's T2 until it is nearly black; steatosis and oedema go the other
       way. One patient in eight at full variation. */
    const float iron =
        fseg_random_uniform(random) < 0.125f * v ? fseg_random_range(random, 0.4f, 0.65f) : 1.0f;
    float reference = 0.0f;
    for (int i = 0; i < FSEG_TISSUE_COUNT; ++i) {
        const relaxation *tissue = &tissues[i];
        const float t2 = tissue->t2_ms * (i == FSEG_TISSUE_LIVER ? iron : 1.0f) *
                         expf(v * tissue->spread * fseg_random_range(random, -1.0f, 1.0f));
        const float density = tissue->density * expf(0.7f * v * tissue->spread *
                                                     fseg_random_range(random, -1.0f, 1.0f));
        out[i] = density * (1.0f - expf(-tr / tissue->t1_ms)) * expf(-te / t2);
        if (i == FSEG_TISSUE_SPLEEN || i == FSEG_TISSUE_KIDNEY_CORTEX)
            reference += 0.5f * out[i]; /* echoes share one gain */
        if (echo != 1.0)
            out[i] *= expf(-te * (float)(echo - 1.0) / t2);
    }
    /* The scanner's receiver adjusts to the bright tissue: keep it at its level, within a few
       per cent, whatever TE and TR do. */
    const float bright = 0.34f; /* of the published values */
    const float gain = receiver_gain * powf(bright / reference, 0.9f);
    for (int i = 0; i < FSEG_TISSUE_COUNT; ++i)
        out[i] *= gain;
}
