/* Writing the tensor container, atomically. */
#include "file_io.h"
#include "model_file.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 8
/* Values converted to little-endian at a time. */
#define CHUNK_VALUES 4096

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

static fseg_status check_finite(const fseg_tensor *tensors, size_t count, fseg_error *error)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tensors[t].count; i++) {
            if (!isfinite(tensors[t].data[i])) {
                return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                                      "Tensor '%s' holds a value that is not a number, so the "
                                      "model is not saved; lower the learning rate and train "
                                      "again.",
                                      tensors[t].name);
            }
        }
    }
    return FSEG_OK;
}

static json_t *metadata_to_json(const fseg_metadata *metadata, size_t count)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "format", json_string("frugalseg")) |
                 json_object_set_new(object, "format_version", json_string("1"));
    for (size_t i = 0; i < count; i++) {
        failed |= json_object_set_new(object, metadata[i].key, json_string(metadata[i].value));
    }
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The JSON header; offsets follow the order of `tensors`. Null when out of memory. */
static char *header_text(const fseg_metadata *metadata, size_t metadata_count,
                         const fseg_tensor *tensors, size_t tensor_count)
{
    json_t *header = json_object();
    int failed = json_object_set_new(header, "__metadata__",
                                     metadata_to_json(metadata, metadata_count)) != 0;
    json_int_t offset = 0;
    for (size_t t = 0; t < tensor_count; t++) {
        json_t *shape = json_array();
        for (int i = 0; i < tensors[t].rank; i++) {
            failed |= json_array_append_new(shape, json_integer((json_int_t)tensors[t].shape[i]));
        }
        const json_int_t end = offset + (json_int_t)(tensors[t].count * sizeof(float));
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape,
                                  "data_offsets", offset, end);
        failed |= json_object_set_new(header, tensors[t].name, entry) != 0;
        offset = end;
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

static fseg_status write_header(fseg_file_writer *writer, const char *text, fseg_error *error)
{
    /* Spaces up to a multiple of 8 align the tensors for readers that map the file. */
    const size_t length = strlen(text);
    const size_t padding = (8 - length % 8) % 8;
    unsigned char prefix[PREFIX_BYTES];
    for (int i = 0; i < PREFIX_BYTES; i++) {
        prefix[i] = (unsigned char)((uint64_t)(length + padding) >> (8 * i) & 0xff);
    }
    fseg_status status = fseg_file_writer_write(writer, prefix, sizeof prefix, error);
    if (status == FSEG_OK) {
        status = fseg_file_writer_write(writer, text, length, error);
    }
    if (status == FSEG_OK) {
        status = fseg_file_writer_write(writer, "        ", padding, error);
    }
    return status;
}

static fseg_status write_values(fseg_file_writer *writer, const float *values, size_t count,
                                fseg_error *error)
{
    unsigned char bytes[CHUNK_VALUES * sizeof(float)];
    for (size_t done = 0; done < count;) {
        const size_t part = count - done < CHUNK_VALUES ? count - done : CHUNK_VALUES;
        for (size_t i = 0; i < part; i++) {
            uint32_t bits;
            memcpy(&bits, values + done + i, sizeof bits);
            for (int b = 0; b < 4; b++) {
                bytes[4 * i + (size_t)b] = (unsigned char)(bits >> (8 * b) & 0xff);
            }
        }
        const fseg_status status =
            fseg_file_writer_write(writer, bytes, part * sizeof(float), error);
        if (status != FSEG_OK) {
            return status;
        }
        done += part;
    }
    return FSEG_OK;
}

fseg_status fseg_tensor_file_write(const char *path, const fseg_metadata *metadata,
                                   size_t metadata_count, const fseg_tensor *tensors,
                                   size_t tensor_count, fseg_error *error)
{
    fseg_status status = check_finite(tensors, tensor_count, error);
    if (status != FSEG_OK) {
        return status;
    }
    char *text = header_text(metadata, metadata_count, tensors, tensor_count);
    if (!text) {
        return out_of_memory(error);
    }
    fseg_file_writer writer;
    status = fseg_file_writer_open(path, &writer, error);
    if (status == FSEG_OK) {
        status = write_header(&writer, text, error);
        for (size_t t = 0; t < tensor_count && status == FSEG_OK; t++) {
            status = write_values(&writer, tensors[t].data, tensors[t].count, error);
        }
        if (status == FSEG_OK) {
            status = fseg_file_writer_commit(&writer, error);
        } else {
            fseg_file_writer_discard(&writer);
        }
    }
    free(text);
    return status;
}
