/* Reading the tensor container: docs/file-format.md gives the order of the checks. */
#include "file_io.h"
#include "json_memory.h"
#include "model_file.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 8
/* Limits far above any network that model.h allows, and low enough to keep sums in 64 bits. */
#define MAX_HEADER_BYTES ((uint64_t)1 << 20)
#define MAX_FILE_BYTES ((uint64_t)1 << 36)
#define MAX_TENSORS 4096
#define MAX_DIMENSION ((json_int_t)1 << 31)
/* Values read and checked at a time, so that a file with NaN is noticed early. */
#define CHUNK_VALUES ((size_t)1 << 20)

typedef struct table_entry {
    fseg_tensor tensor;
    uint64_t begin, end; /* bytes from the start of the payload */
} table_entry;

struct fseg_tensor_file {
    fseg_file_reader reader;
    uint64_t payload; /* where the first tensor starts */
    json_t *header;
    table_entry *table;
    size_t count;
};

static uint64_t decode_u64(const unsigned char bytes[8])
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Size limits and the length of the header, from the first nine bytes. */
static fseg_status check_prefix(const fseg_file_reader *reader, uint64_t *length, fseg_error *error)
{
    if (reader->size < PREFIX_BYTES + 2) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHORT,
                              "The model file has only %llu bytes and no header; copy or download "
                              "it again.",
                              (unsigned long long)reader->size);
    }
    unsigned char start[PREFIX_BYTES + 1];
    const fseg_status status = fseg_file_reader_read(reader, 0, start, sizeof start, error);
    if (status != FSEG_OK) {
        return status;
    }
    *length = decode_u64(start);
    if (start[PREFIX_BYTES] != '{' || *length < 2) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "This is not a FrugalSeg model file: its header does not start as "
                              "one; choose a .fseg file.");
    }
    if (*length > MAX_HEADER_BYTES || reader->size > MAX_FILE_BYTES) {
        return fseg_error_set(error, FSEG_ERROR_FILE_OVERFLOW,
                              "The model file claims a header of %llu bytes in a file of %llu, "
                              "which exceeds the limits; it is damaged, get it again.",
                              (unsigned long long)*length, (unsigned long long)reader->size);
    }
    if (*length > reader->size - PREFIX_BYTES) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHORT,
                              "The model file ends inside its header; copy or download it again.");
    }
    return FSEG_OK;
}

static fseg_status parse_header(fseg_tensor_file *file, uint64_t length, fseg_error *error)
{
    char *text = malloc((size_t)length);
    if (!text) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status =
        fseg_file_reader_read(&file->reader, PREFIX_BYTES, text, (size_t)length, error);
    if (status == FSEG_OK) {
        json_error_t detail;
        file->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &detail);
        if (!file->header && fseg_json_out_of_memory(&detail)) {
            status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        } else if (!file->header) {
            status = fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                    "The header of the model file is not valid JSON (%s at byte "
                                    "%d); it is damaged, get it again.",
                                    detail.text, detail.position);
        }
    }
    free(text);
    return status;
}

/* The metadata must be ours, of a version we know, and text throughout. */
static fseg_status check_metadata(const fseg_tensor_file *file, fseg_error *error)
{
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    if (!json_is_object(metadata)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "This is not a FrugalSeg model file: it has no metadata; choose a "
                              ".fseg file.");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (!json_is_string(value)) {
            return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                  "The metadata '%.40s' of the model file is not text; the file is "
                                  "damaged, get it again.",
                                  key);
        }
    }
    const char *format = fseg_tensor_file_metadata(file, "format");
    if (!format || strcmp(format, "frugalseg") != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "This is a safetensors file of another program, not a FrugalSeg "
                              "model; choose a .fseg file.");
    }
    const char *version = fseg_tensor_file_metadata(file, "format_version");
    if (!version || version[0] == '\0' || strspn(version, "0123456789") != strlen(version)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model file does not say its format version; it is damaged, get "
                              "it again.");
    }
    if (strcmp(version, "1") != 0 && strcmp(version, FSEG_FORMAT_VERSION) != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_VERSION,
                              "The model file has format version %.16s and this program reads "
                              "versions up to " FSEG_FORMAT_VERSION "; update FrugalSeg.",
                              version);
    }
    if (strcmp(version, "1") != 0 && !fseg_tensor_file_metadata(file, FSEG_METADATA_HASH)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model file lacks its checksum; it is damaged, get it again.");
    }
    return json_object_size(metadata) <= FSEG_METADATA_MOST
               ? FSEG_OK
               : fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                "The model file has more than %d entries of metadata; it is "
                                "damaged or foreign.",
                                FSEG_METADATA_MOST);
}

static fseg_status parse_shape(const char *name, const json_t *shape, fseg_tensor *tensor,
                               fseg_error *error)
{
    const size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank < 1 || rank > 4) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "Tensor '%.60s' has no shape of 1 to 4 dimensions; the model file is "
                              "damaged, get it again.",
                              name);
    }
    tensor->rank = (int)rank;
    tensor->count = 1;
    for (size_t i = 0; i < 4; i++) {
        tensor->shape[i] = 1;
    }
    for (size_t i = 0; i < rank; i++) {
        const json_t *item = json_array_get(shape, i);
        const json_int_t dimension = json_integer_value(item);
        if (!json_is_integer(item) || dimension < 1) {
            return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                                  "Tensor '%.60s' has a dimension that is not a whole number above "
                                  "0; the model file is damaged, get it again.",
                                  name);
        }
        if (dimension > MAX_DIMENSION ||
            (uint64_t)dimension > MAX_FILE_BYTES / sizeof(float) / tensor->count) {
            return fseg_error_set(error, FSEG_ERROR_FILE_OVERFLOW,
                                  "The size of tensor '%.60s' exceeds what can be addressed; the "
                                  "model file is damaged, get it again.",
                                  name);
        }
        tensor->shape[i] = (size_t)dimension;
        tensor->count *= (size_t)dimension;
    }
    return FSEG_OK;
}

static fseg_status parse_offsets(const json_t *offsets, table_entry *entry, fseg_error *error)
{
    const char *name = entry->tensor.name;
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "Tensor '%s' has no valid pair of data offsets; the model file is "
                              "damaged, get it again.",
                              name);
    }
    entry->begin = (uint64_t)json_integer_value(begin);
    entry->end = (uint64_t)json_integer_value(end);
    if (entry->end > MAX_FILE_BYTES) {
        return fseg_error_set(error, FSEG_ERROR_FILE_OVERFLOW,
                              "The data offsets of tensor '%s' exceed what can be addressed; the "
                              "model file is damaged, get it again.",
                              name);
    }
    if (entry->end - entry->begin != (uint64_t)entry->tensor.count * sizeof(float)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "The bytes of tensor '%s' do not match its shape; the model file is "
                              "damaged, get it again.",
                              name);
    }
    return FSEG_OK;
}

static fseg_status parse_entry(const char *name, const json_t *value, table_entry *entry,
                               fseg_error *error)
{
    if (strlen(name) >= FSEG_NAME_LENGTH || name[0] == '\0' || !json_is_object(value)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The table entry '%.60s' of the model file is not a tensor; the file "
                              "is damaged, get it again.",
                              name);
    }
    strcpy(entry->tensor.name, name);
    const json_t *type = json_object_get(value, "dtype");
    if (!json_is_string(type) || strcmp(json_string_value(type), "F32") != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "Tensor '%s' is not of type F32; save the model with 32-bit floats.",
                              name);
    }
    if (json_object_size(value) != 3) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The table entry of tensor '%s' needs dtype, shape and data_offsets "
                              "and nothing else; the model file is damaged, get it again.",
                              name);
    }
    const fseg_status status =
        parse_shape(name, json_object_get(value, "shape"), &entry->tensor, error);
    return status == FSEG_OK ? parse_offsets(json_object_get(value, "data_offsets"), entry, error)
                             : status;
}

static int compare_begin(const void *a, const void *b)
{
    const table_entry *left = a, *right = b;
    return (left->begin > right->begin) - (left->begin < right->begin);
}

/* Every tensor's entry, then the whole: no overlap, no hole, payload ends with the file. */
static fseg_status parse_table(fseg_tensor_file *file, fseg_error *error)
{
    const size_t count = json_object_size(file->header) - 1; /* less the metadata */
    if (count < 1 || count > MAX_TENSORS) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model file lists %zu tensors; 1 to %d are possible, so it is "
                              "damaged or foreign.",
                              count, MAX_TENSORS);
    }
    file->table = calloc(count, sizeof *file->table);
    if (!file->table) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        const fseg_status status = parse_entry(name, value, &file->table[file->count], error);
        if (status != FSEG_OK) {
            return status;
        }
        file->count++;
    }
    qsort(file->table, file->count, sizeof *file->table, compare_begin);
    uint64_t expected = 0;
    for (size_t i = 0; i < file->count; i++) {
        const table_entry *entry = &file->table[i];
        if (entry->begin != expected) {
            return fseg_error_set(
                error, FSEG_ERROR_FILE_OVERLAP,
                "Tensor '%s' %s; the model file is damaged, get it again.", entry->tensor.name,
                entry->begin < expected ? "overlaps another one" : "follows a hole in the data");
        }
        expected = entry->end;
    }
    const uint64_t available = file->reader.size - file->payload;
    if (available < expected) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHORT,
                              "The model file ends %llu bytes before its last tensor does; copy or "
                              "download it again.",
                              (unsigned long long)(expected - available));
    }
    if (available > expected) {
        return fseg_error_set(error, FSEG_ERROR_FILE_LONG,
                              "%llu unknown bytes follow the last tensor of the model file; it is "
                              "damaged, get it again.",
                              (unsigned long long)(available - expected));
    }
    return FSEG_OK;
}

fseg_status fseg_tensor_file_open(const char *path, fseg_tensor_file **out, fseg_error *error)
{
    *out = NULL;
    fseg_tensor_file *file = calloc(1, sizeof *file);
    if (!file) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    uint64_t length = 0;
    fseg_status status = fseg_file_reader_open(path, &file->reader, error);
    if (status == FSEG_OK) {
        status = check_prefix(&file->reader, &length, error);
    }
    if (status == FSEG_OK) {
        file->payload = PREFIX_BYTES + length;
        status = parse_header(file, length, error);
    }
    if (status == FSEG_OK) {
        status = check_metadata(file, error);
    }
    if (status == FSEG_OK) {
        status = parse_table(file, error);
    }
    if (status != FSEG_OK) {
        fseg_tensor_file_close(file);
        return status;
    }
    *out = file;
    return FSEG_OK;
}

void fseg_tensor_file_close(fseg_tensor_file *file)
{
    if (file) {
        fseg_file_reader_close(&file->reader);
        json_decref(file->header);
        free(file->table);
        free(file);
    }
}

const char *fseg_tensor_file_metadata(const fseg_tensor_file *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

size_t fseg_tensor_file_count(const fseg_tensor_file *file)
{
    return file->count;
}

const fseg_tensor *fseg_tensor_file_tensor(const fseg_tensor_file *file, size_t index)
{
    return index < file->count ? &file->table[index].tensor : NULL;
}

/* The file is little-endian; so is nearly every machine, where this does nothing. */
static void from_little_endian(float *values, size_t count)
{
    const uint16_t probe = 1;
    if (*(const unsigned char *)&probe == 1) {
        return;
    }
    unsigned char *bytes = (unsigned char *)values;
    for (size_t i = 0; i < count; i++, bytes += 4) {
        const unsigned char b0 = bytes[0], b1 = bytes[1];
        bytes[0] = bytes[3];
        bytes[1] = bytes[2];
        bytes[2] = b1;
        bytes[3] = b0;
    }
}

/* Bytes of a tensor as they are in the file; for fseg_content_hash. */
static fseg_status read_bytes(void *user, size_t index, size_t first, size_t count,
                              unsigned char *bytes, fseg_error *error)
{
    const fseg_tensor_file *file = user;
    return fseg_file_reader_read(
        &file->reader, file->payload + file->table[index].begin + (uint64_t)first * sizeof(float),
        bytes, count * sizeof(float), error);
}

fseg_status fseg_tensor_file_verify(const fseg_tensor_file *file, fseg_error *error)
{
    const char *expected = fseg_tensor_file_metadata(file, FSEG_METADATA_HASH);
    if (!expected) {
        return FSEG_OK;
    }
    fseg_metadata metadata[FSEG_METADATA_MOST];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(file->header, "__metadata__"), key, value)
    {
        metadata[count++] = (fseg_metadata){key, json_string_value(value)};
    }
    fseg_tensor *tensors = calloc(file->count, sizeof *tensors);
    if (!tensors) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    for (size_t i = 0; i < file->count; i++) {
        tensors[i] = file->table[i].tensor;
    }
    char found[65];
    const fseg_status status = fseg_content_hash(metadata, count, tensors, file->count, read_bytes,
                                                 (void *)file, found, error);
    free(tensors);
    if (status == FSEG_OK && strcmp(found, expected) != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_HASH,
                              "The model file's content is not what its checksum says; it was "
                              "damaged or changed, get it again.");
    }
    return status;
}

fseg_status fseg_tensor_file_read(const fseg_tensor_file *file, const char *name,
                                  const fseg_tensor *expected, float *data, fseg_error *error)
{
    const table_entry *entry = NULL;
    for (size_t i = 0; i < file->count && !entry; i++) {
        if (strcmp(file->table[i].tensor.name, name) == 0) {
            entry = &file->table[i];
        }
    }
    if (!entry) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "The model file lacks the tensor '%s' that its architecture needs; "
                              "it is damaged, get it again.",
                              name);
    }
    if (entry->tensor.rank != expected->rank ||
        memcmp(entry->tensor.shape, expected->shape,
               sizeof *expected->shape * (size_t)expected->rank) != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "The shape of tensor '%s' contradicts the architecture in the model "
                              "file; it is damaged, get it again.",
                              name);
    }
    for (size_t done = 0; data && done < entry->tensor.count;) {
        const size_t rest = entry->tensor.count - done;
        const size_t part = rest < CHUNK_VALUES ? rest : CHUNK_VALUES;
        const fseg_status status = fseg_file_reader_read(
            &file->reader, file->payload + entry->begin + (uint64_t)done * sizeof(float),
            data + done, part * sizeof(float), error);
        if (status != FSEG_OK) {
            return status;
        }
        from_little_endian(data + done, part);
        for (size_t i = done; i < done + part; i++) {
            if (!isfinite(data[i])) {
                return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                                      "Tensor '%s' of the model file holds a value that is not a "
                                      "number; the file is damaged or its training failed.",
                                      name);
            }
        }
        done += part;
    }
    return FSEG_OK;
}
