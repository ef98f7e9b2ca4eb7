/* Writing the tensor container, atomically, with its checksum. */
#include "frugalseg/replacement.h"
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
    int failed = 0;
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

static fseg_status write_header(fseg_replacement *file, const char *text, fseg_error *error)
{
    /* Spaces up to a multiple of 8 align the tensors for readers that map the file. */
    const size_t length = strlen(text);
    const size_t padding = (8 - length % 8) % 8;
    unsigned char prefix[PREFIX_BYTES];
    for (int i = 0; i < PREFIX_BYTES; i++) {
        prefix[i] = (unsigned char)((uint64_t)(length + padding) >> (8 * i) & 0xff);
    }
    fseg_status status = fseg_replacement_write(file, prefix, sizeof prefix, error);
    if (status == FSEG_OK) {
        status = fseg_replacement_write(file, text, length, error);
    }
    if (status == FSEG_OK) {
        status = fseg_replacement_write(file, "        ", padding, error);
    }
    return status;
}

static void to_little_endian(const float *values, size_t count, unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        for (int b = 0; b < 4; b++) {
            bytes[4 * i + (size_t)b] = (unsigned char)(bits >> (8 * b) & 0xff);
        }
    }
}

static fseg_status write_values(fseg_replacement *file, const float *values, size_t count,
                                fseg_error *error)
{
    unsigned char bytes[CHUNK_VALUES * sizeof(float)];
    for (size_t done = 0; done < count;) {
        const size_t part = count - done < CHUNK_VALUES ? count - done : CHUNK_VALUES;
        to_little_endian(values + done, part, bytes);
        const fseg_status status = fseg_replacement_write(file, bytes, part * sizeof(float), error);
        if (status != FSEG_OK) {
            return status;
        }
        done += part;
    }
    return FSEG_OK;
}

/* For fseg_content_hash: `user` is the list of tensors. */
static fseg_status give_bytes(void *user, size_t index, size_t first, size_t count,
                              unsigned char *bytes, fseg_error *error)
{
    (void)error;
    const fseg_tensor *tensors = user;
    to_little_endian(tensors[index].data + first, count, bytes);
    return FSEG_OK;
}

/* `metadata` and what every file says, the checksum last; *count in and out. */
static fseg_status complete_metadata(const fseg_metadata *metadata, size_t *count,
                                     const fseg_tensor *tensors, size_t tensor_count,
                                     fseg_metadata *all, char hex[65], fseg_error *error)
{
    if (*count + 3 > FSEG_METADATA_MOST) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "A file takes at most %d entries of metadata.",
                              FSEG_METADATA_MOST - 3);
    }
    all[0] = (fseg_metadata){"format", "frugalseg"};
    all[1] = (fseg_metadata){"format_version", FSEG_FORMAT_VERSION};
    memcpy(all + 2, metadata, *count * sizeof *metadata);
    *count += 2;
    const fseg_status status = fseg_content_hash(all, *count, tensors, tensor_count, give_bytes,
                                                 (void *)tensors, hex, error);
    all[(*count)++] = (fseg_metadata){FSEG_METADATA_HASH, hex};
    return status;
}

static fseg_status read_back(const char *path, const char *hex, fseg_error *error)
{
    fseg_tensor_file *file = NULL;
    fseg_status status = fseg_tensor_file_open(path, &file, error);
    if (status == FSEG_OK) {
        status = fseg_tensor_file_verify(file, error);
        const char *found = fseg_tensor_file_metadata(file, FSEG_METADATA_HASH);
        if (status == FSEG_OK && (!found || strcmp(found, hex) != 0)) {
            status =
                FSEG_ERROR_FILE_HASH; /* another process saved there meanwhile, or the disk lies */
        }
    }
    fseg_tensor_file_close(file);
    return status == FSEG_OK || status == FSEG_ERROR_OUT_OF_MEMORY
               ? status
               : fseg_error_set(error, FSEG_ERROR_IO,
                                "'%.300s' was written but reads back otherwise, so the former file "
                                "is kept; check the disk and save again.",
                                path);
}

fseg_status fseg_tensor_file_write(const char *path, const fseg_metadata *metadata,
                                   size_t metadata_count, const fseg_tensor *tensors,
                                   size_t tensor_count, fseg_error *error)
{
    fseg_metadata all[FSEG_METADATA_MOST];
    char hex[65];
    fseg_status status = check_finite(tensors, tensor_count, error);
    if (status == FSEG_OK) {
        status =
            complete_metadata(metadata, &metadata_count, tensors, tensor_count, all, hex, error);
    }
    if (status != FSEG_OK) {
        return status;
    }
    char *text = header_text(all, metadata_count, tensors, tensor_count);
    if (!text) {
        return out_of_memory(error);
    }
    fseg_replacement *file = NULL;
    status = fseg_replacement_open(path, "", &file, error);
    if (status == FSEG_OK) {
        status = write_header(file, text, error);
    }
    for (size_t t = 0; t < tensor_count && status == FSEG_OK; t++) {
        status = write_values(file, tensors[t].data, tensors[t].count, error);
    }
    if (status == FSEG_OK) {
        status = fseg_replacement_put(file, error);
    }
    if (status == FSEG_OK) {
        status = read_back(path, hex, error);
    }
    if (status == FSEG_OK) {
        fseg_replacement_keep(file);
    } else {
        fseg_replacement_undo(file);
    }
    free(text);
    return status;
}
