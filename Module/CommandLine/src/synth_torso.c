/* frugalseg synth --anatomy torso */
#include "synth_torso.h"
#include "frugalseg/enhanced.h"
#include "frugalseg/phantom_torso.h"
#include "output.h"
#include "phantom_volume.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS_MAX = FSEG_ECHOES_MAX + 2 };

typedef struct torso {
    fseg_torso_options options;
    fseg_acquisition acquisition;
    fseg_person person;
    bool enhanced;
    fseg_volume *volumes[FSEG_ECHOES_MAX];
    fseg_mask *labels;
    char names[FSEG_ECHOES_MAX][24]; /* image.nii.gz, or one of several echoes */
    const char *results[RESULTS_MAX];
    size_t result_count;
} torso;

bool synth_wants_torso(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--anatomy=torso") == 0 ||
            (strcmp(argv[i], "--anatomy") == 0 && i + 1 < argc &&
             strcmp(argv[i + 1], "torso") == 0)) {
            return true;
        }
    }
    return false;
}

static fseg_status make_volumes(torso *t, fseg_context *context, const fseg_progress *progress,
                                fseg_error *error)
{
    const fseg_acquisition *a = &t->acquisition;
    const size_t count = (size_t)a->columns * (size_t)a->rows * (size_t)a->slices;
    const size_t echoes = (size_t)a->sequence.echoes;
    fseg_geometry geometry;
    memset(&geometry, 0, sizeof geometry);
    geometry.size[0] = (size_t)a->columns;
    geometry.size[1] = (size_t)a->rows;
    geometry.size[2] = (size_t)a->slices;
    fseg_acquisition_matrix(a, geometry.ijk_to_lps);
    float *images = malloc(echoes * count * sizeof *images);
    fseg_status status =
        images ? fseg_mask_create(&geometry, &t->labels, error)
               : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a torso");
    if (status == FSEG_OK) {
        status =
            fseg_phantom_torso(context, &t->options, a, images, t->labels->voxels, progress, error);
    }
    for (size_t e = 0; e < echoes && status == FSEG_OK; e++) {
        status = fseg_volume_create(&geometry, &t->volumes[e], error);
        if (status == FSEG_OK) {
            memcpy(t->volumes[e]->voxels, images + e * count, count * sizeof *images);
            phantom_volume_finish(t->volumes[e]);
        }
    }
    free(images);
    return status;
}

/* The series: one file per slice, or one enhanced object that holds every echo. */
static fseg_status write_series(const torso *t, const char *folder, fseg_error *error)
{
    char pseudonym[48];
    snprintf(pseudonym, sizeof pseudonym, "PHANTOM-TORSO-%llu",
             (unsigned long long)t->options.seed);
    const fseg_series_write_options options = {.description = "FrugalSeg torso phantom T2",
                                               .patient_id = pseudonym,
                                               .body_part = "ABDOMEN",
                                               .seed = t->options.seed};
    if (!t->enhanced) {
        return fseg_series_write(t->volumes[0], &options, folder, error);
    }
    const fseg_sequence *sequence = &t->acquisition.sequence;
    fseg_enhanced_volume volumes[FSEG_ECHOES_MAX] = {0};
    for (int e = 0; e < sequence->echoes; e++) {
        volumes[e].volume = t->volumes[e];
        volumes[e].echo_ms = sequence->te_ms[e];
        volumes[e].repetition_ms = sequence->tr_ms;
    }
    return fseg_series_write_enhanced(volumes, (size_t)sequence->echoes, &options,
                                      FSEG_FRAMES_IN_ORDER, folder, error);
}

static fseg_status write_result(const torso *t, const output_folder *folder, size_t number,
                                fseg_error *error)
{
    char *path = output_folder_staged(folder, t->results[number]);
    if (!path) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status;
    if (number == 0) {
        status = write_series(t, path, error);
    } else if (number == t->result_count - 1) {
        status = fseg_mask_write(t->labels, path, error);
    } else {
        status = fseg_volume_write(t->volumes[number - 1], path, error);
    }
    free(path);
    return status;
}

static void name_results(torso *t)
{
    const int echoes = t->acquisition.sequence.echoes;
    t->results[t->result_count++] = "dicom";
    for (int e = 0; e < echoes; e++) {
        if (echoes == 1) {
            strcpy(t->names[e], "image.nii.gz");
        } else {
            snprintf(t->names[e], sizeof t->names[e], "echo%d.nii.gz", e + 1);
        }
        t->results[t->result_count++] = t->names[e];
    }
    t->results[t->result_count++] = "truth.nii.gz";
}

static int show(const program_common *common, const char *out, const torso *t)
{
    const fseg_person *p = &t->person;
    const char *sex = p->sex == FSEG_SEX_MALE ? "male" : "female";
    if (common->json) {
        json_t *outputs = json_array();
        for (size_t i = 0; i < t->result_count; i++) {
            json_array_append_new(outputs, json_string(t->results[i]));
        }
        return program_print_json(json_pack(
            "{s:s, s:s, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:{s:i, s:i, s:i, s:i}, s:o}",
            "out", out, "notice", PROGRAM_NOTICE, "seed", (json_int_t)t->options.seed, "sex", sex,
            "age", p->age, "bmi", p->bmi, "liver_fat", p->liver_fat, "liver_t2_factor",
            p->liver_t2_factor, "spleen_factor", p->spleen_factor, "ascites_mm", p->ascites_mm,
            "lesions", "cysts", p->cysts, "haemangiomas", p->haemangiomas, "metastases",
            p->metastases, "carcinomas", p->carcinomas, "outputs", outputs));
    }
    printf("Torso phantom %llu, %s, %.0f years, BMI %.0f: %s\n",
           (unsigned long long)t->options.seed, sex, p->age, p->bmi, out);
    return EXIT_OK;
}

static int make(torso *t, const program_common *common, const char *out)
{
    fseg_context *context = NULL;
    output_folder folder = {0};
    fseg_error error = {0};
    program_progress progress;
    program_progress_start(&progress, common, "phantom");
    fseg_status status = fseg_torso_describe(&t->options, &t->person, &error);
    if (status == FSEG_OK) {
        status = fseg_acquisition_check(&t->acquisition, &error);
    }
    if (status == FSEG_OK) {
        status = program_context(common, &context, &error);
    }
    if (status == FSEG_OK) {
        status = output_folder_open(out, &folder, &error);
    }
    if (status == FSEG_OK) {
        status = make_volumes(t, context, &progress.progress, &error);
    }
    if (status == FSEG_OK) {
        name_results(t);
    }
    for (size_t i = 0; i < t->result_count && status == FSEG_OK; i++) {
        status = write_result(t, &folder, i, &error);
    }
    if (status == FSEG_OK && program_interrupted()) {
        status = fseg_error_set(&error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (status == FSEG_OK) {
        status = output_folder_commit(&folder, t->results, t->result_count, &error);
    }
    program_progress_end(&progress);
    const int code = status == FSEG_OK ? show(common, out, t) : program_fail_error(common, &error);
    output_folder_close(&folder);
    for (int e = 0; e < FSEG_ECHOES_MAX; e++) {
        fseg_volume_free(t->volumes[e]);
    }
    fseg_mask_free(t->labels);
    fseg_context_free(context);
    return code;
}

static const program_command command_torso = {
    "synth",
    "make a torso phantom with known truth",
    "--anatomy torso --out DIR [OPTION]...",
    "Writes DIR/dicom, DIR/image.nii.gz (several echoes: echo1.nii.gz and on, and one enhanced\n"
    "object) and DIR/truth.nii.gz, whose labels are 1 liver (lesions included), 2 right kidney,\n"
    "3 left kidney, 4 spleen. Findings occur as often as stated, 0 never, 1 always. Not a patient.",
    "  frugalseg synth --anatomy torso --out phantom --sex female --field 3 --te 60\n"
    "  frugalseg synth --anatomy torso --out echoes --te 20,40,60,80,100 --no-fat-suppression\n"
    "  frugalseg synth --anatomy torso --out hard --iron 1 --ghosts 6 --matrix 0.6 --wrap 0.8",
    NULL,
};

/* "20,40,80" into the sequence; false when it is no list of numbers. */
static bool parse_echoes(const char *text, fseg_sequence *sequence)
{
    sequence->echoes = 0;
    for (;;) {
        char *end;
        const double value = strtod(text, &end);
        if (end == text || sequence->echoes == FSEG_ECHOES_MAX) {
            return false;
        }
        sequence->te_ms[sequence->echoes++] = value;
        if (*end == '\0') {
            return true;
        }
        if (*end != ',') {
            return false;
        }
        text = end + 1;
    }
}

/* Number of `word` among `count` words, -1 when it is none of them. */
static int word_of(const char *word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

int synth_torso_run(int argc, char **argv)
{
    static const char *const sexes[] = {"any", "female", "male"};
    static const char *const planes[] = {"axial", "coronal", "sagittal"};
    program_common common = {0};
    torso t = {.options = fseg_torso_default_options(1), .acquisition = fseg_acquisition_liver()};
    fseg_torso_options *o = &t.options;
    fseg_acquisition *a = &t.acquisition;
    fseg_artefacts *f = &a->artefacts;
    const char *anatomy = NULL, *out = NULL, *sex = "any", *plane = "axial", *te = NULL;
    bool healthy = false, no_suppression = false, spin_echo = false;
    int size = a->columns;
    double pixel = a->spacing_mm[0], age = 0, bmi = 0;
    const program_option options[] = {
        {"anatomy", OPTION_TEXT, &anatomy, 0, 0, "torso", "this anatomy"},
        {"out", OPTION_TEXT, &out, 0, 0, "DIR", "folder for the results"},
        {"seed", OPTION_SEED, &o->seed, 0, 0, "N", "person and noise (default 1)"},
        {"sex", OPTION_TEXT, &sex, 0, 0, "NAME", "any (default), female or male"},
        {"age", OPTION_NUMBER, &age, 18, 95, "YEARS", "default: drawn from 20 to 80"},
        {"bmi", OPTION_NUMBER, &bmi, 16, 40, "X", "body mass index; default: from 19 to 36"},
        {"healthy", OPTION_FLAG, &healthy, 0, 0, NULL, "no findings"},
        {"cysts", OPTION_NUMBER, &o->cysts, 0, 1, "X", "of the liver (default 0.12)"},
        {"haemangiomas", OPTION_NUMBER, &o->haemangiomas, 0, 1, "X", "default 0.06"},
        {"metastases", OPTION_NUMBER, &o->metastases, 0, 1, "X", "default 0.04"},
        {"carcinoma", OPTION_NUMBER, &o->carcinoma, 0, 1, "X", "of the liver (default 0.02)"},
        {"steatosis", OPTION_NUMBER, &o->steatosis, 0, 1, "X", "default 0.35, more with BMI"},
        {"iron", OPTION_NUMBER, &o->iron, 0, 1, "X", "in the liver (default 0.1)"},
        {"ascites", OPTION_NUMBER, &o->ascites, 0, 1, "X", "default 0.03"},
        {"splenomegaly", OPTION_NUMBER, &o->splenomegaly, 0, 1, "X", "default 0.05"},
        {"plane", OPTION_TEXT, &plane, 0, 0, "NAME", "axial (default), coronal or sagittal"},
        {"size", OPTION_INTEGER, &size, 32, 1024, "N", "pixels per side (default 256)"},
        {"slices", OPTION_INTEGER, &a->slices, 3, 512, "N", "slices (default 30)"},
        {"spacing", OPTION_NUMBER, &pixel, 0.2, 20, "MM", "pixel size (default 1.4)"},
        {"slice-spacing", OPTION_NUMBER, &a->spacing_mm[2], 0.2, 50, "MM", "default 7"},
        {"thickness", OPTION_NUMBER, &a->slice_thickness, 0.01, 4, "X",
         "of a slice, in slice spacings: below 1 leaves gaps (default 0.85)"},
        {"field", OPTION_NUMBER, &a->sequence.field_tesla, 1.5, 3, "T", "1.5 (default) or 3"},
        {"tr", OPTION_NUMBER, &a->sequence.tr_ms, 100, 20000, "MS", "default 2060"},
        {"te", OPTION_TEXT, &te, 0, 0, "MS,...", "effective echo times (default 70)"},
        {"echo-train", OPTION_INTEGER, &a->sequence.echo_train, 1, 1024, "N", "default 26"},
        {"spin-echo", OPTION_FLAG, &spin_echo, 0, 0, NULL, "no turbo spin echo"},
        {"no-fat-suppression", OPTION_FLAG, &no_suppression, 0, 0, NULL, "no SPIR"},
        {"contrast-variation", OPTION_NUMBER, &a->sequence.variation, 0, 1, "X", "default 0"},
        {"noise", OPTION_NUMBER, &a->noise, 0, 1, "X", "of bright signal (default 0.015)"},
        {"bias", OPTION_NUMBER, &a->bias, 0, 2, "X", "coil shading (default 0.3)"},
        {"ghosts", OPTION_NUMBER, &f->ghost, 0, 50, "MM", "breathing (default 0)"},
        {"motion", OPTION_NUMBER, &f->motion, 0, 50, "MM", "one sudden shift (default 0)"},
        {"bandwidth", OPTION_NUMBER, &f->chemical_shift, 0, 10000, "HZ",
         "per pixel: fat lands aside (default 0, not at all)"},
        {"wrap", OPTION_NUMBER, &f->phase_fov, 0, 1, "X",
         "acquired field of view down the image: what is outside folds in (default 0, never)"},
        {"matrix", OPTION_NUMBER, &f->matrix, 0, 1, "X",
         "acquired share of the matrix, the rest is filled with zeros (default 0, all)"},
        {"cross-talk", OPTION_NUMBER, &f->cross_talk, 0, 0.5, "X", "of slices (default 0)"},
        {"enhanced", OPTION_FLAG, &t.enhanced, 0, 0, NULL, "DICOM as one Enhanced MR object"},
    };
    const parse_result parsed = program_parse(
        &command_torso, options, sizeof options / sizeof *options, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!out) {
        return program_usage(&command_torso, &common, "synth needs --out.");
    }
    const int sex_number = word_of(sex, sexes, 3), plane_number = word_of(plane, planes, 3);
    if (sex_number < 0) {
        return program_usage(&command_torso, &common, "--sex is any, female or male, not '%.40s'.",
                             sex);
    }
    if (plane_number < 0) {
        return program_usage(&command_torso, &common,
                             "--plane is axial, coronal or sagittal, not '%.40s'.", plane);
    }
    if (te && !parse_echoes(te, &a->sequence)) {
        return program_usage(&command_torso, &common,
                             "--te needs 1 to %d numbers, as in 20,40,80, not '%.60s'.",
                             FSEG_ECHOES_MAX, te);
    }
    if (healthy) {
        *o = fseg_torso_healthy_options(o->seed);
    }
    o->sex = (fseg_sex)sex_number;
    if (age > 0) {
        o->age_low = o->age_high = age;
    }
    if (bmi > 0) {
        o->bmi_low = o->bmi_high = bmi;
    }
    a->plane = (fseg_plane)plane_number;
    a->columns = a->rows = size;
    a->spacing_mm[0] = a->spacing_mm[1] = pixel;
    a->sequence.fat_suppressed = !no_suppression;
    a->sequence.kind = spin_echo ? FSEG_SEQUENCE_SPIN_ECHO : FSEG_SEQUENCE_TURBO_SPIN_ECHO;
    t.enhanced = t.enhanced || a->sequence.echoes > 1;
    return make(&t, &common, out);
}
