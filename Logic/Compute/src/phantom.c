/**
 * @file phantom.c
 * The abdominal phantom: options, and the subject that the renderer gets.
 */
#include "frugalseg/phantom.h"

#include "phantom_internal.h"

#include <stdlib.h>

/* Streams of the seed: each purpose its own. */
static const uint64_t anatomy_stream = (uint64_t)0x50 << 56;
static const uint64_t tissue_stream = (uint64_t)0x51 << 56;
static const uint64_t field_stream = (uint64_t)0x52 << 56;
static const uint64_t fit_stream = (uint64_t)0x59 << 56;

fseg_phantom_options fseg_phantom_default_options(uint64_t seed)
{
    const fseg_phantom_options options = {
        .seed = seed,
        .columns = 256,
        .rows = 256,
        .slices = 30,
        .spacing_mm = {1.4, 1.4, 7.0},
        .noise = 0.015,
        .bias = 0.3,
        .contrast_variation = 0.3,
        .echo = 1.0,
    };
    return options;
}

static const fseg_receiver receiver = {
    .a = FSEG_TISSUE_SPLEEN,
    .b = FSEG_TISSUE_KIDNEY_CORTEX,
    /* Their signal with the liver protocol, which comes to about 0.65 and 0.75. */
    .bright = 0.34f,
    .gain = 2.15f,
};

static void subject_release(fseg_abdomen_subject *s)
{
    if (!s)
        return;
    for (int d = 0; d < 3; ++d)
        fseg_lattice_release(&s->fields.warp[d]);
    fseg_lattice_release(&s->fields.rough);
    fseg_lattice_release(&s->fields.fine);
    fseg_lattice_release(&s->coil_field);
    free(s);
}

static fseg_status draw_fields(uint64_t seed, fseg_abdomen_subject *s)
{
    fseg_random random = fseg_random_create(seed, field_stream);
    /* The fields cover the body whatever the field of view is, so that the grid does not change
       the patient. */
    const float low[3] = {-190.0f, -170.0f, -190.0f}, high[3] = {190.0f, 170.0f, 170.0f};
    fseg_status status = FSEG_OK;
    for (int d = 0; d < 3 && status == FSEG_OK; ++d)
        status = fseg_lattice_create(&random, low, high, 42.0f, &s->fields.warp[d]);
    s->fields.warp_mm = 14.0f; /* of the control values: about 3 mm rms after the spline */
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 12.0f, &s->fields.rough);
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 4.0f, &s->fields.fine);
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 110.0f, &s->coil_field);
    /* The body array is brightest at the surface, front and back, and falls off towards the ends.
     */
    const fseg_coil coil = {{160.0f, 120.0f, 130.0f}, 0.9f, 0.9f, &s->coil_field};
    s->coil = coil;
    return status;
}

static fseg_status check_options(const fseg_phantom_options *o, fseg_acquisition *a,
                                 fseg_error *error)
{
    if (!(o->echo >= 0.0 && o->echo <= 100.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom echo %g; choose 0 to 100", o->echo);
    *a = fseg_acquisition_liver();
    a->columns = o->columns;
    a->rows = o->rows;
    a->slices = o->slices;
    for (int d = 0; d < 3; ++d)
        a->spacing_mm[d] = o->spacing_mm[d];
    a->noise = o->noise;
    a->bias = o->bias;
    a->sequence.variation = o->contrast_variation;
    a->sequence.vary_protocol = 1;
    a->sequence.gain_te_ms = a->sequence.te_ms[0];
    a->sequence.te_ms[0] *= o->echo;
    return fseg_acquisition_check(a, error);
}

/* The subject without its tissues; null when memory is short. */
static fseg_abdomen_subject *draw_subject(uint64_t seed)
{
    fseg_abdomen_subject *s = calloc(1, sizeof *s);
    if (!s || draw_fields(seed, s) != FSEG_OK) {
        subject_release(s);
        return NULL;
    }
    fseg_random random = fseg_random_create(seed, anatomy_stream);
    fseg_anatomy_draw(&random, &s->anatomy);
    return s;
}

static fseg_status render_subject(fseg_context *context, const fseg_abdomen_subject *s,
                                  uint64_t seed, const fseg_acquisition *acquisition, float *images,
                                  uint8_t *labels, const fseg_progress *progress, fseg_error *error)
{
    const fseg_scene scene = {.subject = s,
                              .labels = FSEG_PHANTOM_LABELS,
                              .scratch = fseg_abdomen_scratch,
                              .paint = fseg_abdomen_paint,
                              .coil = &s->coil,
                              .signals = &s->signals,
                              .seed = seed};
    return fseg_scene_render(context, &scene, acquisition, images, labels, progress, error);
}

fseg_status fseg_phantom_abdomen(fseg_context *context, const fseg_phantom_options *options,
                                 float *image, uint8_t *labels, const fseg_progress *progress,
                                 fseg_error *error)
{
    if (!context || !options || !image || !labels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a phantom needs a context, options, an image and a label volume");
    fseg_acquisition acquisition;
    fseg_status status = check_options(options, &acquisition, error);
    if (status != FSEG_OK)
        return status;
    fseg_abdomen_subject *s = draw_subject(options->seed);
    if (!s)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a phantom");
    fseg_random random = fseg_random_create(options->seed, tissue_stream);
    fseg_signals_draw(&random, &acquisition.sequence, &receiver, NULL, 0, &s->signals);
    status =
        render_subject(context, s, options->seed, &acquisition, image, labels, progress, error);
    subject_release(s);
    return status;
}

fseg_status fseg_phantom_torso(fseg_context *context, const fseg_torso_options *options,
                               const fseg_acquisition *acquisition, float *images, uint8_t *labels,
                               const fseg_progress *progress, fseg_error *error)
{
    if (!context || !options || !acquisition || !images)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a torso needs a context, options, an acquisition and an image");
    fseg_person person;
    fseg_status status = fseg_torso_describe(options, &person, error);
    if (status == FSEG_OK)
        status = fseg_acquisition_check(acquisition, error);
    if (status == FSEG_OK && acquisition->tilt_degrees != 0.0)
        status = fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                "the torso is scanned without tilt, not at %g degrees; choose a "
                                "plane instead",
                                acquisition->tilt_degrees);
    if (status != FSEG_OK)
        return status;
    fseg_abdomen_subject *s = draw_subject(options->seed);
    if (!s)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a phantom");
    fseg_random random = fseg_random_create(options->seed, fit_stream);
    fseg_anatomy_fit(&random, &person, &s->anatomy);
    if (!acquisition->sequence.fat_suppressed)
        s->anatomy.mottle = 0.25f;
    fseg_tissue_change changes[1];
    const int count = fseg_person_tissues(&person, changes);
    /* The gain follows what this sequence makes of spleen and kidney. */
    const fseg_receiver by_table = {.a = receiver.a, .b = receiver.b};
    random = fseg_random_create(options->seed, tissue_stream);
    fseg_signals_draw(&random, &acquisition->sequence, &by_table, changes, count, &s->signals);
    status =
        render_subject(context, s, options->seed, acquisition, images, labels, progress, error);
    subject_release(s);
    return status;
}
