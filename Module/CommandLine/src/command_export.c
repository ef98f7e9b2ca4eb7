/* frugalseg export: the network for other programs, as ONNX. */
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "onnx_graph.h"
#include "output.h"
#include "program.h"
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

static int run_export(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    const char *name = NULL, *out = NULL;
    bool onnx = false;
    const program_option options[] = {
        {"onnx", OPTION_FLAG, &onnx, 0, 0, NULL, "as an ONNX file"},
        {"model", OPTION_TEXT, &name, 0, 0, "MODEL", "a .fseg file or a name as liver-t2"},
        {"out", OPTION_TEXT, &out, 0, 0, "FILE", "the file to write"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!onnx || !name || !out) {
        return program_usage(self, &common, "export needs --onnx, --model and --out.");
    }
    input_model input = {0};
    fseg_error error = {0};
    size_t size = 0;
    fseg_status status = input_model_load(name, &input, &error);
    if (status == FSEG_OK) {
        status = export_onnx(&input, out, &size, &error);
    }
    int code;
    if (status != FSEG_OK) {
        code = program_fail_error(&common, &error);
    } else if (common.json) {
        code = program_print_json(json_pack(
            "{s:s, s:s, s:i, s:I, s:i, s:s}", "out", out, "format", "onnx", "opset", ONNX_OPSET,
            "bytes", (json_int_t)size, "size_multiple",
            fseg_unet_size_multiple(fseg_model_config(input.model)), "model_sha256", input.sha256));
    } else {
        printf("%s: ONNX opset %d, %zu bytes; input \"image\", output \"logits\", height and width "
               "multiples of %d\n",
               out, ONNX_OPSET, size, fseg_unet_size_multiple(fseg_model_config(input.model)));
        code = EXIT_OK;
    }
    input_model_free(&input);
    return code;
}

const program_command command_export = {
    "export",
    "write a model as ONNX for other programs",
    "--onnx --model MODEL --out FILE",
    "Input \"image\" [batch, slices, height, width], prepared as the card says; output \"logits\"\n"
    "[batch, classes, height, width]. Batch, height and width are free.",
    "  frugalseg export --onnx --model liver-t2 --out liver-t2.onnx",
    run_export,
};
