/**
 * @file phantom_person.c
 * One person drawn from a seed, and what that makes of the anatomy. Ranges and their sources:
 * docs/theory/phantom.md.
 */
#include "phantom_internal.h"

#include <math.h>
#include <string.h>

static const uint64_t person_stream = (uint64_t)0x57 << 56;
static const uint64_t finding_stream = (uint64_t)0x58 << 56;

fseg_torso_options fseg_torso_healthy_options(uint64_t seed)
{
    const fseg_torso_options options = {
        .seed = seed, .age_low = 20.0, .age_high = 80.0, .bmi_low = 19.0, .bmi_high = 36.0};
    return options;
}

fseg_torso_options fseg_torso_default_options(uint64_t seed)
{
    fseg_torso_options options = fseg_torso_healthy_options(seed);
    options.cysts = 0.12;
    options.haemangiomas = 0.06;
    options.metastases = 0.04;
    options.carcinoma = 0.02;
    options.steatosis = 0.35;
    options.iron = 0.1;
    options.ascites = 0.03;
    options.splenomegaly = 0.05;
    return options;
}

static fseg_status check(const fseg_torso_options *o, fseg_error *error)
{
    if ((int)o->sex < FSEG_SEX_ANY || o->sex > FSEG_SEX_MALE)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "sex number %d; choose any, female or male", (int)o->sex);
    if (!(o->age_low >= 18.0 && o->age_high >= o->age_low && o->age_high <= 95.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "ages from %g to %g years; choose a range within 18 to 95",
                              o->age_low, o->age_high);
    if (!(o->bmi_low >= 16.0 && o->bmi_high >= o->bmi_low && o->bmi_high <= 40.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "body mass index from %g to %g; choose a range within 16 to 40",
                              o->bmi_low, o->bmi_high);
    const double rates[] = {o->cysts,     o->haemangiomas, o->metastases, o->carcinoma,
                            o->steatosis, o->iron,         o->ascites,    o->splenomegaly};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i)
        if (!(rates[i] >= 0.0 && rates[i] <= 1.0))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "a finding with a rate of %g; choose 0 (never) to 1 (always)",
                                  rates[i]);
    return FSEG_OK;
}

static double range(fseg_random *random, double low, double high)
{
    return (double)fseg_random_range(random, (float)low, (float)high);
}

/* Always one draw, so that the rate of one finding does not change the others. */
static int occurs(fseg_random *random, double rate)
{
    return (double)fseg_random_uniform(random) < rate;
}

fseg_status fseg_torso_describe(const fseg_torso_options *o, fseg_person *p, fseg_error *error)
{
    if (!o || !p)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a person needs options and a place to be described");
    const fseg_status status = check(o, error);
    if (status != FSEG_OK)
        return status;
    memset(p, 0, sizeof *p);
    fseg_random random = fseg_random_create(o->seed, person_stream);
    const int male = fseg_random_uniform(&random) < 0.5f;
    p->sex = o->sex != FSEG_SEX_ANY ? o->sex : male ? FSEG_SEX_MALE : FSEG_SEX_FEMALE;
    p->age = range(&random, o->age_low, o->age_high);
    /* The mean of two: the middle of the range is commonest. */
    p->bmi =
        0.5 * (range(&random, o->bmi_low, o->bmi_high) + range(&random, o->bmi_low, o->bmi_high));
    const double lean = p->sex == FSEG_SEX_FEMALE ? 6.0 : 2.5;
    p->subcutaneous_mm = fmax(3.0, (lean + 1.15 * (p->bmi - 19.0)) * range(&random, 0.75, 1.25));
    p->liver_fat = range(&random, 0.01, 0.04);
    p->liver_t2_factor = 1.0;
    p->spleen_factor = range(&random, 0.75, 1.25) * (1.0 - 0.004 * fmax(0.0, p->age - 45.0));

    /* Each finding has draws of its own. */
    random = fseg_random_create(o->seed, finding_stream);
    const float many = fseg_random_uniform(&random);
    if (occurs(&random, fmin(1.0, o->cysts * (0.4 + p->age / 75.0))) || o->cysts >= 1.0)
        p->cysts = 1 + (int)(5.0f * many * many * many);
    if (occurs(&random, o->haemangiomas))
        p->haemangiomas = 1 + (many > 0.85f);
    if (occurs(&random, o->metastases))
        p->metastases = 2 + (int)(9.0f * many);
    if (occurs(&random, o->carcinoma))
        p->carcinomas = 1 + (many > 0.8f);
    const double fat = range(&random, 0.06, 0.30), iron = range(&random, 0.4, 0.8);
    const double spleen = range(&random, 1.8, 4.0), fluid = range(&random, 5.0, 16.0);
    const double heavy = fmin(2.0, fmax(0.3, (p->bmi - 17.0) / 10.0));
    if (occurs(&random, fmin(1.0, o->steatosis * heavy)) || o->steatosis >= 1.0)
        p->liver_fat = fat;
    if (occurs(&random, o->iron))
        p->liver_t2_factor = iron;
    if (occurs(&random, o->splenomegaly))
        p->spleen_factor = spleen;
    if (occurs(&random, o->ascites))
        p->ascites_mm = fluid;
    return FSEG_OK;
}

int fseg_person_tissues(const fseg_person *p, fseg_tissue_change out[1])
{
    out[0].tissue = FSEG_TISSUE_LIVER;
    out[0].t2_factor = p->liver_t2_factor;
    out[0].density_factor = 1.0;
    out[0].fat_fraction = p->liver_fat;
    return 1;
}

/* The same ellipsoid in another size, its lower end a little lower. */
static void grow_spleen(fseg_ellipsoid *e, float factor)
{
    const float f = cbrtf(factor);
    for (int d = 0; d < 3; ++d) {
        e->radius[d] *= f;
        const float half = 0.5f * (e->high[d] - e->low[d]) * f;
        const float move = d == 2 ? -0.4f * (f - 1.0f) * e->radius[2] : 0.0f;
        e->centre[d] += move;
        e->low[d] = e->centre[d] - half;
        e->high[d] = e->centre[d] + half;
    }
}

/* Lesions of one kind: anywhere in the liver that is not next to its surface. */
static void add_lesions(fseg_random *random, fseg_anatomy *a, int count, fseg_tissue tissue,
                        float small, float large)
{
    for (int n = 0; n < count && a->lesion_count < FSEG_LESIONS_MAX; ++n) {
        /* In the right lobe three times in four, as its size is. */
        const int right = fseg_random_uniform(random) < 0.75f;
        const fseg_ellipsoid *lobe = right ? &a->liver_right : &a->liver_left;
        float direction[3], length = 1e-6f, centre[3], radius[3], degrees[3];
        for (int d = 0; d < 3; ++d) {
            direction[d] = fseg_random_normal(random);
            length += direction[d] * direction[d];
        }
        const float out = 0.75f * cbrtf(fseg_random_uniform(random)) / sqrtf(length);
        for (int d = 0; d < 3; ++d)
            centre[d] = lobe->centre[d] + out * direction[d] * lobe->radius[d];
        /* Room for the kidney and what lies under the lobe. */
        centre[2] = fabsf(centre[2]) * 0.9f;
        const float u = fseg_random_uniform(random);
        const float size = small * powf(large / small, u * u);
        for (int d = 0; d < 3; ++d) {
            radius[d] = size * fseg_random_range(random, 0.85f, 1.15f);
            degrees[d] = fseg_random_range(random, 0.0f, 180.0f);
        }
        fseg_lesion *lesion = &a->lesions[a->lesion_count++];
        lesion->shape = fseg_ellipsoid_make(centre, radius, degrees);
        lesion->tissue = tissue;
        lesion->rough = tissue == FSEG_TISSUE_FLUID ? 0.2f : 0.12f * size;
    }
}

void fseg_anatomy_fit(fseg_random *random, const fseg_person *p, fseg_anatomy *a)
{
    const int male = p->sex == FSEG_SEX_MALE;
    /* Organs: men's are about a tenth larger in volume each way from the mean. */
    const float size = male ? 1.03f : 0.965f;
    for (int d = 0; d < 3; ++d)
        a->scale[d] *= size;
    /* The frame: the thickness of fat moves the skin, not the cavity; fat within the belly moves
       the front wall, more in men. */
    const float fat = (float)p->subcutaneous_mm / size;
    const float belly = fmaxf(0.0f, (float)p->bmi - 23.0f) * (male ? 1.0f : 0.6f);
    a->half_width += fat - a->fat + 0.5f * belly;
    a->half_depth += 0.9f * (fat - a->fat) + 0.9f * belly;
    a->fat = fat;
    const float years = fmaxf(0.0f, (float)p->age - 40.0f);
    a->muscle *= (male ? 1.12f : 0.88f) * (1.0f - 0.004f * years);
    grow_spleen(&a->spleen, (float)p->spleen_factor);
    a->ascites = (float)p->ascites_mm;
    add_lesions(random, a, p->cysts, FSEG_TISSUE_FLUID, 4.0f, 25.0f);
    add_lesions(random, a, p->haemangiomas, FSEG_TISSUE_HAEMANGIOMA, 6.0f, 22.0f);
    add_lesions(random, a, p->metastases, FSEG_TISSUE_METASTASIS, 5.0f, 25.0f);
    add_lesions(random, a, p->carcinomas, FSEG_TISSUE_HCC, 9.0f, 32.0f);
}
