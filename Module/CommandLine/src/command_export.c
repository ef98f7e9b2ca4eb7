/* frugalseg export: the command line, and the network for other programs as ONNX. */
#include "command_export.h"
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "onnx_graph.h"
#include "output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Protocol buffers end at 2 GiB. */
#define MAX_PARAMETERS ((size_t)500000000)

static Onnx__StringStringEntryProto *metadata_entry(onnx_arena *arena, const char *key,
                                                    const char *value)
{
    Onnx__StringStringEntryProto *entry = onnx_arena_allocate(arena, sizeof *entry);
    if (entry) {
        onnx__string_string_entry_proto__init(entry);
        entry->key = onnx_arena_text(arena, key);
        entry->value = onnx_arena_text(arena, value);
    }
    return entry;
}

/* The whole file as bytes; malloc'ed, null when out of memory. */
static uint8_t *pack_model(const input_model *input, size_t *size)
{
    onnx_arena arena = {0};
    enum { METADATA = 3 };
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[1] = {&opset};
    Onnx__StringStringEntryProto *metadata[METADATA] = {
        metadata_entry(&arena, "notice", PROGRAM_NOTICE),
        metadata_entry(&arena, "card", fseg_model_card(input->model)),
        metadata_entry(&arena, "source_sha256", input->sha256),
    };
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    opset.has_version = 1;
    opset.version = ONNX_OPSET;
    opset.domain = onnx_arena_text(&arena, "");
    model.has_ir_version = 1;
    model.ir_version = ONNX_IR_VERSION;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.producer_name = onnx_arena_text(&arena, "frugalseg");
    model.producer_version = onnx_arena_text(&arena, FSEG_VERSION);
    model.n_metadata_props = METADATA;
    model.metadata_props = metadata;
    model.graph = onnx_graph_build(input->model, &arena);
    uint8_t *bytes = NULL;
    if (!arena.failed && model.graph) {
        *size = onnx__model_proto__get_packed_size(&model);
        bytes = malloc(*size);
        if (bytes) {
            onnx__model_proto__pack(&model, bytes);
        }
    }
    onnx_arena_free(&arena);
    return bytes;
}

static fseg_status export_onnx(const input_model *input, const char *path, size_t *size,
                               fseg_error *error)
{
    if (fseg_model_parameter_count(input->model) > MAX_PARAMETERS) {
        return fseg_error_set(error, FSEG_ERROR_UNSUPPORTED,
                              "The model is too large for one ONNX file.");
    }
    uint8_t *bytes = pack_model(input, size);
    if (!bytes) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const fseg_status status = output_write_file(path, bytes, *size, error);
    free(bytes);
    return status;
}

int export_onnx_file(const export_options *options, const program_common *common)
{
    input_model input = {0};
    fseg_error error = {0};
    size_t size = 0;
    fseg_status status = input_model_load(options->model, &input, &error);
    if (status == FSEG_OK) {
        status = export_onnx(&input, options->out, &size, &error);
    }
    int code;
    if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else if (common->json) {
        code = program_print_json(json_pack(
            "{s:s, s:s, s:i, s:I, s:i, s:s}", "out", options->out, "format", "onnx", "opset",
            ONNX_OPSET, "bytes", (json_int_t)size, "size_multiple",
            fseg_unet_size_multiple(fseg_model_config(input.model)), "model_sha256", input.sha256));
    } else {
        printf("%s: ONNX opset %d, %zu bytes; input \"image\", output \"logits\", height and width "
               "multiples of %d\n",
               options->out, ONNX_OPSET, size,
               fseg_unet_size_multiple(fseg_model_config(input.model)));
        code = EXIT_OK;
    }
    input_model_free(&input);
    return code;
}

static int run_export(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    export_options o = {0};
    bool onnx = false, seg = false, nifti = false;
    const program_option options[] = {
        {"onnx", OPTION_FLAG, &onnx, 0, 0, NULL, "a model as an ONNX file"},
        {"seg", OPTION_FLAG, &seg, 0, 0, NULL, "a mask as a DICOM segmentation"},
        {"nifti", OPTION_FLAG, &nifti, 0, 0, NULL, "a DICOM segmentation as a mask"},
        {"out", OPTION_TEXT, &o.out, 0, 0, "FILE", "the file to write"},
        {"model", OPTION_TEXT, &o.model, 0, 0, "MODEL", "a .fseg file or a name as liver-t2"},
        {"in", OPTION_TEXT, &o.in, 0, 0, "FOLDER", "DICOM series that it belongs to"},
        {"series", OPTION_TEXT, &o.choice.uid, 0, 0, "UID", "the series there, if several"},
        {"volume", OPTION_INTEGER, &o.choice.volume, 1, 65535, "N",
         "the volume of that series, if several"},
        {"mask", OPTION_TEXT, &o.mask, 0, 0, "FILE", "--seg: mask on the grid of the series"},
        {"structures", OPTION_TEXT, &o.structures, 0, 0, "NAMES",
         "--seg: liver, or 1=NAME,2=NAME,... (default: the model's)"},
        {"edited", OPTION_FLAG, &o.edited, 0, 0, NULL, "--seg: a person corrected the mask"},
        {"predecessor", OPTION_TEXT, &o.predecessor, 0, 0, "FILE",
         "--seg: the segmentation that was corrected"},
        {"editor", OPTION_TEXT, &o.editor, 0, 0, "NAME",
         "--seg: pseudonym of who corrected (default $FRUGALSEG_EDITOR)"},
        {"seg-type", OPTION_TEXT, &o.seg.type, 0, 0, "TYPE", "--seg: binary (default) or labelmap"},
        {"uid-root", OPTION_TEXT, &o.seg.uid_root, 0, 0, "ROOT",
         "--seg: own root for UIDs (default $FRUGALSEG_UID_ROOT, else 2.25)"},
        {"segmentation", OPTION_TEXT, &o.segmentation, 0, 0, "FILE",
         "--nifti: the DICOM segmentation"},
        {"segment", OPTION_INTEGER, &o.segment, 1, 255, "N",
         "--nifti: only this one of its segments, as 1"},
        {"threshold", OPTION_NUMBER, &o.threshold, 0, 1, "P",
         "--nifti: where probabilities become foreground"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (onnx + seg + nifti != 1) {
        return program_usage(self, &common, "export needs one of --onnx, --seg and --nifti.");
    }
    if (onnx && (!o.model || !o.out)) {
        return program_usage(self, &common, "export needs --onnx, --model and --out.");
    }
    if (seg && (!o.in || !o.mask || !o.out)) {
        return program_usage(self, &common, "export --seg needs --in, --mask and --out.");
    }
    if (nifti && (!o.in || !o.segmentation || !o.out)) {
        return program_usage(self, &common, "export --nifti needs --in, --segmentation and --out.");
    }
    return onnx  ? export_onnx_file(&o, &common)
           : seg ? export_seg_file(&o, &common)
                 : export_mask_file(&o, &common);
}

const program_command command_export = {
    "export",
    "models as ONNX, masks as DICOM segmentations and back",
    "--onnx --model MODEL --out FILE\n"
    "       frugalseg export --seg --in FOLDER --mask FILE --out FILE [OPTION]...\n"
    "       frugalseg export --nifti --in FOLDER --segmentation FILE --out FILE [OPTION]...",
    "--onnx: input \"image\" [batch, slices, height, width], prepared as the card says; output\n"
    "\"logits\" [batch, classes, height, width]. Batch, height and width are free.\n"
    "--seg: a new object each time, which refers to every image of the series. What the series "
    "has\n"
    "of malformed attributes is repaired or left out, each with a warning. An earlier "
    "segmentation\n"
    "is not replaced by a corrected one.\n"
    "--nifti: segmentations of any program; several segments become the values 1, 2, ...",
    "  frugalseg export --onnx --model liver-t2 --out liver-t2.onnx\n"
    "  frugalseg export --nifti --in scan/ --segmentation seg.dcm --out mask.nii.gz\n"
    "  frugalseg export --seg --in scan/ --mask mask.nii.gz --predecessor seg.dcm --editor R1 "
    "--out seg2.dcm",
    run_export,
};
