/**
 * @file tissue.c
 * The table of tissues and the signal of a spin echo. Sources in full: docs/theory/phantom.md.
 */
#include "frugalseg/tissue.h"

#include <math.h>
#include <stddef.h>

/* B = de Bazelaire et al., Radiology 2004;230:652. S = Stanisz et al., Magn Reson Med 2005;54:507.
   G = Gold et al., AJR 2004;183:343. P = Simpkin et al., Br J Radiol 2013;86:20120469 (prostate,
   1.5 T). L = Liu et al., Magn Reson Med 2011;65:1400 (prostate, 3 T). "own" = no published value
   that we know of: chosen between those of the tissues named. */
static const fseg_tissue_values tissues[FSEG_TISSUE_COUNT] = {
    /* name, density, fat, T1, T2, suppressed, spread, source */
    [FSEG_TISSUE_AIR] = {"air", 0.0, 0.0, {1.0, 1.0}, {1.0, 1.0}, 0.0, 0.0, "no protons"},
    [FSEG_TISSUE_SKIN] =
        {"skin", 0.5, 0.1, {900.0, 1100.0}, {40.0, 35.0}, 0.42, 0.3, "own: muscle and fat"},
    [FSEG_TISSUE_FAT] = {"fat", 0.9, 1.0, {288.0, 371.0}, {165.0, 133.0}, 0.13, 0.6, "G"},
    [FSEG_TISSUE_MUSCLE] =
        {"muscle", 0.74, 0.0, {950.0, 1160.0}, {34.0, 32.0}, 0.74, 0.25, "between B and G"},
    [FSEG_TISSUE_BONE] =
        {"vertebral marrow", 0.72, 0.5, {549.0, 586.0}, {49.0, 49.0}, 0.36, 0.4, "B"},
    [FSEG_TISSUE_DISC] =
        {"disc", 0.55, 0.0, {1000.0, 1200.0}, {80.0, 75.0}, 0.55, 0.5, "own: degenerated"},
    [FSEG_TISSUE_CORD] = {"spinal cord", 0.75, 0.0, {745.0, 993.0}, {74.0, 78.0}, 0.75, 0.2, "S"},
    [FSEG_TISSUE_FLUID] =
        {"fluid", 0.95, 0.0, {3500.0, 4000.0}, {1500.0, 1500.0}, 0.95, 0.2, "own: CSF"},
    [FSEG_TISSUE_LUNG] = {"lung", 0.10, 0.0, {1000.0, 1200.0}, {40.0, 35.0}, 0.10, 0.5, "own"},
    [FSEG_TISSUE_HEART] = {"heart",
                           0.62,
                           0.0,
                           {1030.0, 1471.0},
                           {60.0, 55.0},
                           0.62,
                           0.4,
                           "S (T1); T2 own: muscle and blood"},
    [FSEG_TISSUE_LIVER] = {"liver", 0.84, 0.0, {586.0, 809.0}, {46.0, 34.0}, 0.84, 0.3, "B"},
    [FSEG_TISSUE_SPLEEN] = {"spleen", 0.92, 0.0, {1057.0, 1328.0}, {79.0, 61.0}, 0.92, 0.2, "B"},
    [FSEG_TISSUE_KIDNEY_CORTEX] =
        {"kidney cortex", 0.88, 0.0, {966.0, 1142.0}, {87.0, 76.0}, 0.88, 0.15, "B"},
    [FSEG_TISSUE_KIDNEY_MEDULLA] = {"kidney medulla",
                                    0.98,
                                    0.0,
                                    {1200.0, 1545.0},
                                    {95.0, 81.0},
                                    0.98,
                                    0.2,
                                    "B at 3 T; near B (1412, 85) at 1.5 T"},
    [FSEG_TISSUE_PANCREAS] = {"pancreas",
                              0.85,
                              0.0,
                              {584.0, 725.0},
                              {56.0, 43.0},
                              0.85,
                              0.3,
                              "B; T2 at 1.5 T above B (46)"},
    [FSEG_TISSUE_GUT_WALL] = {"bowel wall",
                              0.78,
                              0.0,
                              {800.0, 1000.0},
                              {60.0, 52.0},
                              0.78,
                              0.3,
                              "own: muscle and mucosa"},
    [FSEG_TISSUE_GUT_CONTENT] =
        {"bowel content", 0.66, 0.0, {1200.0, 1400.0}, {75.0, 70.0}, 0.66, 0.4, "own"},
    [FSEG_TISSUE_VEIN] = {"slow blood",
                          0.68,
                          0.0,
                          {1441.0, 1932.0},
                          {200.0, 150.0},
                          0.68,
                          0.3,
                          "S (T1); T2 of venous blood: own"},
    [FSEG_TISSUE_FLOW] =
        {"fast blood", 0.10, 0.0, {1441.0, 1932.0}, {290.0, 275.0}, 0.10, 0.5, "S"},

    [FSEG_TISSUE_METASTASIS] =
        {"metastasis", 0.88, 0.0, {900.0, 1150.0}, {75.0, 62.0}, 0.88, 0.25, "own: above liver"},
    [FSEG_TISSUE_HAEMANGIOMA] = {"haemangioma",
                                 0.92,
                                 0.0,
                                 {1350.0, 1750.0},
                                 {140.0, 120.0},
                                 0.92,
                                 0.2,
                                 "own: below slow blood"},
    [FSEG_TISSUE_HCC] = {"hepatocellular carcinoma",
                         0.86,
                         0.0,
                         {850.0, 1100.0},
                         {65.0, 52.0},
                         0.86,
                         0.2,
                         "own: above liver"},

    [FSEG_TISSUE_PERIPHERAL_ZONE] =
        {"peripheral zone", 0.92, 0.0, {1317.0, 1597.0}, {149.0, 149.0}, 0.92, 0.3, "B (T1), P, L"},
    [FSEG_TISSUE_TRANSITION_ZONE] = {"transition zone",
                                     0.88,
                                     0.0,
                                     {1317.0, 1597.0},
                                     {125.0, 105.0},
                                     0.88,
                                     0.25,
                                     "B (T1), P; at 3 T by B's ratio of fields"},
    [FSEG_TISSUE_STROMA] = {"stromal nodule",
                            0.82,
                            0.0,
                            {1200.0, 1480.0},
                            {80.0, 68.0},
                            0.82,
                            0.25,
                            "own: between prostate of B and muscle"},
    [FSEG_TISSUE_CENTRAL_ZONE] =
        {"central zone", 0.84, 0.0, {1250.0, 1530.0}, {88.0, 74.0}, 0.84, 0.2, "B (T2), T1 near B"},
    [FSEG_TISSUE_ANTERIOR_STROMA] = {"anterior fibromuscular stroma",
                                     0.74,
                                     0.0,
                                     {1000.0, 1300.0},
                                     {48.0, 42.0},
                                     0.74,
                                     0.2,
                                     "own: smooth muscle"},
    [FSEG_TISSUE_PROSTATE_CAPSULE] =
        {"prostate capsule", 0.7, 0.0, {950.0, 1250.0}, {42.0, 38.0}, 0.7, 0.2, "own: fibrous"},
    [FSEG_TISSUE_PROSTATE_CANCER] = {"prostate cancer",
                                     0.84,
                                     0.0,
                                     {1250.0, 1450.0},
                                     {97.0, 95.0},
                                     0.84,
                                     0.2,
                                     "P; L (100) at 3 T"},
    [FSEG_TISSUE_GLAND_CYST] =
        {"cystic gland", 0.94, 0.0, {2000.0, 2400.0}, {400.0, 350.0}, 0.94, 0.3, "own"},
    [FSEG_TISSUE_SEMINAL_VESICLE] = {"seminal vesicle",
                                     0.94,
                                     0.0,
                                     {1900.0, 2200.0},
                                     {260.0, 230.0},
                                     0.94,
                                     0.3,
                                     "own: fluid and folds"},
    [FSEG_TISSUE_URETHRA] =
        {"urethra", 0.88, 0.0, {1300.0, 1550.0}, {115.0, 105.0}, 0.88, 0.2, "own"},
    [FSEG_TISSUE_URINE] =
        {"urine", 0.98, 0.0, {2850.0, 3620.0}, {1210.0, 767.0}, 0.98, 0.15, "G (synovial fluid)"},
    [FSEG_TISSUE_BLADDER_WALL] = {"bladder wall",
                                  0.76,
                                  0.0,
                                  {1000.0, 1300.0},
                                  {50.0, 44.0},
                                  0.76,
                                  0.2,
                                  "own: smooth muscle"},
    [FSEG_TISSUE_RECTAL_WALL] = {"rectal wall",
                                 0.78,
                                 0.0,
                                 {850.0, 1150.0},
                                 {58.0, 50.0},
                                 0.78,
                                 0.2,
                                 "own: muscle and mucosa"},
    [FSEG_TISSUE_GEL] = {"gel", 0.98, 0.0, {2500.0, 2900.0}, {700.0, 550.0}, 0.98, 0.2, "own"},
    [FSEG_TISSUE_STOOL] =
        {"stool", 0.5, 0.05, {700.0, 850.0}, {45.0, 40.0}, 0.48, 0.5, "own: little free water"},
    [FSEG_TISSUE_LEVATOR] =
        {"levator ani", 0.76, 0.0, {950.0, 1160.0}, {36.0, 33.0}, 0.76, 0.2, "muscle"},
    [FSEG_TISSUE_PENILE_BULB] =
        {"penile bulb", 0.9, 0.0, {1441.0, 1850.0}, {180.0, 160.0}, 0.9, 0.2, "S (blood), T2 own"},
    [FSEG_TISSUE_NERVE] = {"neurovascular bundle",
                           0.8,
                           0.3,
                           {815.0, 1083.0},
                           {77.0, 78.0},
                           0.58,
                           0.2,
                           "S (optic nerve), in fat"},
    [FSEG_TISSUE_VENOUS_PLEXUS] =
        {"venous plexus", 0.85, 0.0, {1441.0, 1932.0}, {200.0, 150.0}, 0.85, 0.3, "slow blood"},
    [FSEG_TISSUE_LYMPH_NODE] =
        {"lymph node", 0.86, 0.0, {950.0, 1250.0}, {78.0, 68.0}, 0.86, 0.2, "own: near spleen"},
    [FSEG_TISSUE_YELLOW_MARROW] =
        {"yellow marrow", 0.78, 0.85, {549.0, 586.0}, {49.0, 49.0}, 0.2, 0.2, "fat: G, water: B"},
    [FSEG_TISSUE_CORTICAL_BONE] =
        {"cortical bone", 0.2, 0.0, {250.0, 300.0}, {1.0, 1.0}, 0.2, 0.0, "own: T2 below any TE"},
    [FSEG_TISSUE_CARTILAGE] =
        {"cartilage", 0.75, 0.0, {1024.0, 1240.0}, {30.0, 37.0}, 0.75, 0.2, "G"},
    [FSEG_TISSUE_LIGAMENT] =
        {"ligament, fascia", 0.4, 0.0, {500.0, 600.0}, {12.0, 11.0}, 0.4, 0.3, "own: fibrous"},
    [FSEG_TISSUE_MYOMETRIUM] =
        {"myometrium", 0.86, 0.0, {1309.0, 1514.0}, {117.0, 79.0}, 0.86, 0.2, "B"},
    [FSEG_TISSUE_ENDOMETRIUM] =
        {"endometrium", 0.92, 0.0, {1274.0, 1453.0}, {101.0, 59.0}, 0.92, 0.2, "B"},
    [FSEG_TISSUE_CERVIX] = {"cervix", 0.84, 0.0, {1135.0, 1616.0}, {58.0, 83.0}, 0.84, 0.2, "B"},
};

/* What spectral suppression leaves of fat is not its main peak: de Bazelaire's subcutaneous fat. */
static const double residue_t1_ms[2] = {343.0, 382.0}, residue_t2_ms[2] = {58.0, 68.0};
/* Share of the main peak that suppression leaves (uneven field). */
static const double residue = 0.13;

const fseg_tissue_values *fseg_tissue_get(fseg_tissue tissue)
{
    return (int)tissue >= 0 && tissue < FSEG_TISSUE_COUNT ? &tissues[tissue] : NULL;
}

fseg_sequence fseg_sequence_liver(void)
{
    const fseg_sequence sequence = {.kind = FSEG_SEQUENCE_TURBO_SPIN_ECHO,
                                    .field_tesla = 1.5,
                                    .tr_ms = 2060.0,
                                    .echoes = 1,
                                    .te_ms = {70.0},
                                    .echo_train = 26,
                                    .echo_spacing_ms = 10.0,
                                    .fat_suppressed = 1};
    return sequence;
}

fseg_sequence fseg_sequence_prostate(void)
{
    const fseg_sequence sequence = {.kind = FSEG_SEQUENCE_TURBO_SPIN_ECHO,
                                    .field_tesla = 3.0,
                                    .tr_ms = 4500.0,
                                    .echoes = 1,
                                    .te_ms = {101.0},
                                    .echo_train = 23,
                                    .echo_spacing_ms = 11.0};
    return sequence;
}

static double recovery_ms(const fseg_sequence *s)
{
    return s->kind == FSEG_SEQUENCE_SPIN_ECHO ? s->tr_ms - 0.5 * s->te_ms[0]
                                              : s->tr_ms - s->echo_train * s->echo_spacing_ms;
}

fseg_status fseg_sequence_check(const fseg_sequence *s, fseg_error *error)
{
    if (s->kind != FSEG_SEQUENCE_TURBO_SPIN_ECHO && s->kind != FSEG_SEQUENCE_SPIN_ECHO)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "sequence number %d; choose turbo spin echo or spin echo",
                              (int)s->kind);
    if (s->field_tesla != 1.5 && s->field_tesla != 3.0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "field of %g T; tissue times are known at 1.5 T and 3 T",
                              s->field_tesla);
    if (!(s->tr_ms >= 100.0 && s->tr_ms <= 20000.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "repetition time of %g ms; choose 100 to 20000 ms", s->tr_ms);
    if (s->echoes < 1 || s->echoes > FSEG_ECHOES_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "%d echo times; choose 1 to %d",
                              s->echoes, FSEG_ECHOES_MAX);
    for (int e = 0; e < s->echoes; ++e) {
        if (!(s->te_ms[e] >= 0.0 && s->te_ms[e] <= 5000.0))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "echo time of %g ms; choose 0 to 5000 ms", s->te_ms[e]);
        if (e > 0 && !(s->te_ms[e] > s->te_ms[e - 1]))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "echo times must rise, and %g ms follows %g ms", s->te_ms[e],
                                  s->te_ms[e - 1]);
    }
    if (!(s->gain_te_ms >= 0.0 && s->gain_te_ms <= 5000.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "gain set at an echo time of %g ms; choose 0 to 5000 ms",
                              s->gain_te_ms);
    if (s->echo_train < 1 || s->echo_train > 1024 ||
        !(s->echo_spacing_ms >= 0.0 && s->echo_spacing_ms <= 1000.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "train of %d echoes every %g ms; choose 1 to 1024 echoes and 0 to "
                              "1000 ms",
                              s->echo_train, s->echo_spacing_ms);
    if (!(recovery_ms(s) >= 50.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a repetition time of %g ms leaves %g ms of recovery after the "
                              "echoes; it needs 50 ms, so raise it or shorten the echo train",
                              s->tr_ms, recovery_ms(s));
    if (!(s->variation >= 0.0 && s->variation <= 1.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "contrast variation %g; choose 0 to 1", s->variation);
    return FSEG_OK;
}

/* One patient's tissue: densities and times of its water (or all of it, when suppressed) and its
   fat. */
typedef struct pools {
    float water, fat; /* densities */
    float t1, t2, fat_t1, fat_t2;
    float fat_share; /* of the water's pool: fat that suppression left in it */
} pools;

static pools pools_of(const fseg_sequence *s, fseg_tissue index, double fat_fraction)
{
    const fseg_tissue_values *tissue = &tissues[index];
    const int f = s->field_tesla > 2.0;
    const int pure_fat = index == FSEG_TISSUE_FAT;
    const double fraction = fat_fraction < 0.0 ? tissue->fat_fraction : fat_fraction;
    pools p = {.t1 = (float)tissue->t1_ms[f],
               .t2 = (float)tissue->t2_ms[f],
               .fat_t1 = (float)tissues[FSEG_TISSUE_FAT].t1_ms[f],
               .fat_t2 = (float)tissues[FSEG_TISSUE_FAT].t2_ms[f]};
    if (s->fat_suppressed) {
        p.water = (float)tissue->suppressed;
        if (fat_fraction >= 0.0) /* more or less fat than the table's */
            p.water = (float)(tissue->density * (1.0 - fraction * (1.0 - residue)));
        if (pure_fat) {
            p.t1 = (float)residue_t1_ms[f];
            p.t2 = (float)residue_t2_ms[f];
        }
        p.fat_share = (float)(fraction * residue / (1.0 - fraction * (1.0 - residue)));
    } else {
        p.water = (float)(tissue->density * (1.0 - fraction));
        p.fat = (float)(tissue->density * fraction);
    }
    return p;
}

double fseg_sequence_signal(const fseg_sequence *s, fseg_tissue tissue, int echo, double *fat)
{
    const pools p = pools_of(s, tissue, -1.0);
    const double recovery = recovery_ms(s), te = s->te_ms[echo];
    const double water =
        (double)p.water * (1.0 - exp(-recovery / (double)p.t1)) * exp(-te / (double)p.t2);
    const double oil =
        (double)p.fat * (1.0 - exp(-recovery / (double)p.fat_t1)) * exp(-te / (double)p.fat_t2);
    if (fat)
        *fat = oil + (double)p.fat_share * water;
    return water + oil;
}

void fseg_signals_draw(fseg_random *random, const fseg_sequence *s, const fseg_receiver *receiver,
                       const fseg_tissue_change *changes, int count, fseg_signals *out)
{
    const float v = (float)s->variation;
    const double gain_te = s->gain_te_ms > 0.0 ? s->gain_te_ms : s->te_ms[0];
    float recovery = (float)recovery_ms(s), te = (float)gain_te, iron = 1.0f;
    if (s->vary_protocol) {
        recovery *= expf(v * fseg_random_range(random, -0.2f, 0.7f));
        te *= expf(v * fseg_random_range(random, -0.3f, 0.35f));
        iron = fseg_random_uniform(random) < 0.125f * v ? fseg_random_range(random, 0.4f, 0.65f)
                                                        : 1.0f;
    }
    float reference = 0.0f;
    out->echoes = s->echoes;
    for (int i = 0; i < FSEG_TISSUE_COUNT; ++i) {
        double fat_fraction = -1.0;
        float t2_factor = i == FSEG_TISSUE_LIVER ? iron : 1.0f, density_factor = 1.0f;
        for (int c = 0; c < count; ++c) {
            if ((int)changes[c].tissue != i)
                continue;
            t2_factor *= (float)changes[c].t2_factor;
            density_factor *= (float)changes[c].density_factor;
            fat_fraction = changes[c].fat_fraction >= 0.0 ? changes[c].fat_fraction : fat_fraction;
        }
        const pools p = pools_of(s, (fseg_tissue)i, fat_fraction);
        const float spread = (float)tissues[i].spread;
        const float t2 =
            p.t2 * t2_factor * expf(v * spread * fseg_random_range(random, -1.0f, 1.0f));
        const float vary = expf(0.7f * v * spread * fseg_random_range(random, -1.0f, 1.0f));
        const float water =
            p.water * vary * density_factor * (1.0f - expf(-recovery / p.t1)) * expf(-te / t2);
        const float oil = p.fat * vary * (1.0f - expf(-recovery / p.fat_t1)) * expf(-te / p.fat_t2);
        if (i == (int)receiver->a || i == (int)receiver->b)
            reference += (receiver->a == receiver->b ? 1.0f : 0.5f) * (water + oil);
        for (int e = 0; e < s->echoes; ++e) {
            /* As a multiple: when the protocol varies, all echoes move with it. */
            const float later = (float)(s->te_ms[e] / gain_te - 1.0);
            const float w = later != 0.0f ? water * expf(-te * later / t2) : water;
            const float o = later != 0.0f ? oil * expf(-te * later / p.fat_t2) : oil;
            out->total[e][i] = w + o;
            out->fat[e][i] = o + p.fat_share * w;
        }
    }
    /* The receiver adjusts to the bright tissue: it keeps its level, within a few per cent,
       whatever TE and TR do. */
    float bright = receiver->bright;
    if (!(bright > 0.0f)) {
        fseg_sequence at = *s;
        at.te_ms[0] = gain_te;
        bright = 0.5f * (float)(fseg_sequence_signal(&at, receiver->a, 0, NULL) +
                                fseg_sequence_signal(&at, receiver->b, 0, NULL));
    }
    const float nominal = receiver->gain > 0.0f ? receiver->gain : 0.73f / bright;
    const float gain = nominal * powf(bright / reference, 0.9f);
    for (int e = 0; e < s->echoes; ++e)
        for (int i = 0; i < FSEG_TISSUE_COUNT; ++i) {
            out->total[e][i] *= gain;
            out->fat[e][i] *= gain;
        }
}
