/* The checksum inside our files: of the content, not of its order in the file. */
#include "digest.h"
#include "model_file.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_VALUES ((size_t)1 << 14)

static int compare_metadata(const void *a, const void *b)
{
    return strcmp(((const fseg_metadata *)a)->key, ((const fseg_metadata *)b)->key);
}

/* A tensor and its place in the caller's list. */
typedef struct entry {
    const fseg_tensor *tensor;
    size_t index;
} entry;

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->tensor->name, ((const entry *)b)->tensor->name);
}

static void add_number(fseg_sha256 *sha, uint64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(number >> (8 * i) & 0xff);
    }
    fseg_sha256_add(sha, bytes, sizeof bytes);
}

/* With its null, so that no two texts run into each other. */
static void add_text(fseg_sha256 *sha, const char *text)
{
    fseg_sha256_add(sha, text, strlen(text) + 1);
}

static fseg_status add_tensor(fseg_sha256 *sha, const entry *e, fseg_content_reader read,
                              void *user, unsigned char *buffer, fseg_error *error)
{
    add_text(sha, e->tensor->name);
    add_number(sha, (uint64_t)e->tensor->rank);
    for (int i = 0; i < e->tensor->rank; i++) {
        add_number(sha, e->tensor->shape[i]);
    }
    for (size_t done = 0; done < e->tensor->count;) {
        const size_t rest = e->tensor->count - done;
        const size_t part = rest < CHUNK_VALUES ? rest : CHUNK_VALUES;
        const fseg_status status = read(user, e->index, done, part, buffer, error);
        if (status != FSEG_OK) {
            return status;
        }
        fseg_sha256_add(sha, buffer, part * sizeof(float));
        done += part;
    }
    return FSEG_OK;
}

fseg_status fseg_content_hash(const fseg_metadata *metadata, size_t metadata_count,
                              const fseg_tensor *tensors, size_t tensor_count,
                              fseg_content_reader read, void *user, char hex[65], fseg_error *error)
{
    fseg_metadata sorted[FSEG_METADATA_MOST];
    size_t count = 0;
    for (size_t i = 0; i < metadata_count && count < FSEG_METADATA_MOST; i++) {
        if (strcmp(metadata[i].key, FSEG_METADATA_HASH) != 0) {
            sorted[count++] = metadata[i];
        }
    }
    entry *entries = calloc(tensor_count, sizeof *entries);
    unsigned char *buffer = malloc(CHUNK_VALUES * sizeof(float));
    if (!entries || !buffer) {
        free(entries);
        free(buffer);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    for (size_t i = 0; i < tensor_count; i++) {
        entries[i] = (entry){&tensors[i], i};
    }
    qsort(sorted, count, sizeof *sorted, compare_metadata);
    qsort(entries, tensor_count, sizeof *entries, compare_entries);
    fseg_sha256 sha;
    fseg_sha256_start(&sha);
    add_number(&sha, count);
    for (size_t i = 0; i < count; i++) {
        add_text(&sha, sorted[i].key);
        add_text(&sha, sorted[i].value);
    }
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < tensor_count && status == FSEG_OK; i++) {
        status = add_tensor(&sha, &entries[i], read, user, buffer, error);
    }
    fseg_sha256_end(&sha, hex);
    free(entries);
    free(buffer);
    return status;
}
