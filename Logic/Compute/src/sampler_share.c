/* One set of subjects over several processes: who holds what, and windows on their way. */
#include "sampler_internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- the set ----------------------------------------------------------------------------------
 */

/* A subject without its voxels. */
typedef struct subject_card {
    uint64_t number;
    double weight;
    int32_t depth, height, width, labelled, foreground_count, background_count;
} subject_card;

static size_t card_bytes(const fseg_subject *s)
{
    return sizeof(subject_card) + (size_t)s->foreground_count * sizeof *s->foreground +
           (size_t)s->background_count * sizeof *s->background;
}

static unsigned char *put(unsigned char *at, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(at, from, bytes);
    return at + bytes;
}

static void write_cards(const fseg_sampler *sampler, const size_t *numbers, unsigned char *at)
{
    for (size_t i = 0; i < sampler->count; ++i) {
        const fseg_subject *s = &sampler->subjects[i];
        subject_card card;
        memset(&card, 0, sizeof card);
        card.number = numbers[i];
        card.weight = s->weight;
        card.depth = s->depth;
        card.height = s->height;
        card.width = s->width;
        card.labelled = s->label != NULL;
        card.foreground_count = s->foreground_count;
        card.background_count = s->background_count;
        at = put(at, &card, sizeof card);
        at = put(at, s->foreground, (size_t)s->foreground_count * sizeof *s->foreground);
        at = put(at, s->background, (size_t)s->background_count * sizeof *s->background);
    }
}

/* A numbered subject, to be sorted. */
typedef struct numbered {
    uint64_t number;
    fseg_subject subject;
} numbered;

/* Read the card at `at` of rank `owner`; null when out of memory. */
static const unsigned char *read_card(const unsigned char *at, int owner, numbered *out)
{
    subject_card card;
    memcpy(&card, at, sizeof card);
    at += sizeof card;
    fseg_subject s = {.depth = card.depth,
                      .height = card.height,
                      .width = card.width,
                      .foreground_count = card.foreground_count,
                      .background_count = card.background_count,
                      .weight = card.weight,
                      .owner = owner};
    const size_t foreground = (size_t)card.foreground_count * sizeof *s.foreground;
    const size_t background = (size_t)card.background_count * sizeof *s.background;
    s.foreground = malloc(foreground + 1);
    s.background = malloc(background + 1);
    *out = (numbered){card.number, s};
    if (!s.foreground || !s.background)
        return NULL;
    memcpy(s.foreground, at, foreground);
    memcpy(s.background, at + foreground, background);
    return at + foreground + background;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = ((const numbered *)a)->number, y = ((const numbered *)b)->number;
    return x < y ? -1 : x > y;
}

/* Sizes of the ranks' cards. */
typedef struct card_sizes {
    uint64_t subjects, bytes;
} card_sizes;

/* The subjects of all ranks, sorted; this rank's with their voxels, which then belong to the list.
 */
static fseg_status collect(fseg_sampler *sampler, fseg_communicator *communicator,
                           const size_t *numbers, numbered **out, size_t *total)
{
    const int size = fseg_communicator_size(communicator);
    const int rank = fseg_communicator_rank(communicator);
    card_sizes mine = {.subjects = sampler->count};
    for (size_t i = 0; i < sampler->count; ++i)
        mine.bytes += card_bytes(&sampler->subjects[i]);
    card_sizes *sizes = calloc((size_t)size, sizeof *sizes);
    unsigned char *cards = NULL, *all = NULL;
    numbered *list = NULL;
    fseg_status status =
        fseg_communicator_agree(communicator, sizes ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    if (status == FSEG_OK)
        status = fseg_communicator_gather(communicator, &mine, sizeof mine, sizes);
    size_t most = 0;
    *total = 0;
    for (int r = 0; r < size && status == FSEG_OK; ++r) {
        most = sizes[r].bytes > most ? sizes[r].bytes : most;
        *total += sizes[r].subjects;
    }
    if (status == FSEG_OK) {
        cards = calloc(most + 1, 1);
        all = calloc((size_t)size, most + 1);
        list = calloc(*total + 1, sizeof *list);
        status = fseg_communicator_agree(
            communicator, cards && all && list ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    }
    if (status == FSEG_OK) {
        write_cards(sampler, numbers, cards);
        status = fseg_communicator_gather(communicator, cards, most, all);
    }
    size_t at = 0;
    for (int r = 0; r < size && status == FSEG_OK; ++r) {
        const unsigned char *card = all + (size_t)r * most;
        for (size_t i = 0; i < sizes[r].subjects && status == FSEG_OK; ++i, ++at) {
            if (r == rank) {
                list[at] = (numbered){numbers[i], sampler->subjects[i]};
                list[at].subject.owner = size > 1 ? r : -1;
                card += card_bytes(&sampler->subjects[i]);
            } else if (!(card = read_card(card, r, &list[at]))) {
                status = FSEG_ERROR_OUT_OF_MEMORY;
            }
        }
    }
    status = fseg_communicator_agree(communicator, status, NULL);
    if (status != FSEG_OK && list) {
        for (size_t i = 0; i < *total; ++i)
            if (!list[i].subject.image) /* this rank's are still the sampler's */
                fseg_subject_release(&list[i].subject);
        free(list);
        list = NULL;
    }
    free(sizes);
    free(cards);
    free(all);
    *out = list;
    return status;
}

fseg_status fseg_sampler_share(fseg_sampler *sampler, fseg_context *context, const size_t *numbers,
                               fseg_error *error)
{
    if (!sampler || (!numbers && sampler->count > 0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "sharing subjects needs a sampler and a number for each");
    numbered *list = NULL;
    size_t total = 0;
    fseg_status status =
        collect(sampler, fseg_context_communicator(context), numbers, &list, &total);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "the processes could not share their subjects: %s",
                              fseg_status_text(status));
    qsort(list, total, sizeof *list, compare_numbers);
    fseg_subject *subjects = malloc((total + 1) * sizeof *subjects);
    status = fseg_communicator_agree(fseg_context_communicator(context),
                                     subjects ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    if (status != FSEG_OK) {
        free(subjects);
        for (size_t i = 0; i < total; ++i)
            if (!list[i].subject.image)
                fseg_subject_release(&list[i].subject);
        free(list);
        return fseg_error_set(error, status, "not enough memory to share the subjects");
    }
    free(sampler->subjects);
    sampler->subjects = subjects;
    sampler->count = sampler->capacity = total;
    sampler->weight_all = sampler->weight_foreground = sampler->weight_background = 0.0;
    for (size_t i = 0; i < total; ++i) {
        const fseg_subject *s = &list[i].subject;
        subjects[i] = *s;
        sampler->weight_all += s->weight;
        sampler->weight_foreground += s->foreground_count ? s->weight : 0.0;
        sampler->weight_background += s->background_count ? s->weight : 0.0;
    }
    free(list);
    return FSEG_OK;
}

/* ---- windows ----------------------------------------------------------------------------------
 */

typedef struct window_size {
    size_t pixels, floats, bytes; /* of a label, of an image, of both on their way */
} window_size;

static void copy_window_of(const fseg_sampler *sampler, const fseg_slice_choice *c, float *image,
                           uint8_t *label)
{
    fseg_window_copy(sampler, &sampler->subjects[c->subject], c->slice, c->y, c->x, image, label);
}

typedef struct local_job {
    const fseg_sampler *sampler;
    const fseg_slice_choice *choices; /* of this rank's share */
    int rank;
    window_size window;
    float *images;
    uint8_t *labels;
} local_job;

static void copy_local(void *user, size_t i)
{
    const local_job *job = user;
    const int owner = job->sampler->subjects[job->choices[i].subject].owner;
    if (owner < 0 || owner == job->rank)
        copy_window_of(job->sampler, &job->choices[i], job->images + i * job->window.floats,
                       job->labels ? job->labels + i * job->window.pixels : NULL);
}

/* Windows that this rank holds and others need, in the order of the ranks and of their shares. */
static void pack(const fseg_sampler *sampler, const fseg_slice_choice *choices, size_t share,
                 const fseg_communicator *communicator, window_size window, int labels,
                 unsigned char *send)
{
    for (size_t i = 0; i < share * (size_t)communicator->size; ++i) {
        const int to = (int)(i / share), owner = sampler->subjects[choices[i].subject].owner;
        if (owner != communicator->rank || to == owner)
            continue;
        copy_window_of(sampler, &choices[i], (float *)(void *)send,
                       labels ? send + window.floats * sizeof(float) : NULL);
        send += window.bytes;
    }
}

static void unpack(const fseg_sampler *sampler, const fseg_slice_choice *mine, size_t share,
                   const fseg_communicator *communicator, window_size window,
                   const unsigned char *received, float *images, uint8_t *labels)
{
    for (int from = 0; from < communicator->size; ++from)
        for (size_t i = 0; from != communicator->rank && i < share; ++i) {
            if (sampler->subjects[mine[i].subject].owner != from)
                continue;
            memcpy(images + i * window.floats, received, window.floats * sizeof(float));
            if (labels)
                memcpy(labels + i * window.pixels, received + window.floats * sizeof(float),
                       window.pixels);
            received += window.bytes;
        }
}

/* Bytes to and from every rank, [size] each. */
static void count_bytes(const fseg_sampler *sampler, const fseg_slice_choice *choices, size_t share,
                        const fseg_communicator *communicator, size_t bytes, size_t *send,
                        size_t *receive)
{
    const int rank = communicator->rank;
    for (size_t i = 0; i < share * (size_t)communicator->size; ++i) {
        const int to = (int)(i / share), owner = sampler->subjects[choices[i].subject].owner;
        if (owner == rank && to != rank)
            send[to] += bytes;
        if (owner >= 0 && owner != rank && to == rank)
            receive[owner] += bytes;
    }
}

static fseg_status fetch(const fseg_sampler *sampler, fseg_communicator *communicator,
                         const fseg_slice_choice *choices, size_t share, window_size window,
                         float *images, uint8_t *labels)
{
    const size_t size = (size_t)communicator->size;
    size_t *counts = calloc(2 * size, sizeof *counts), sent = 0, received = 0;
    unsigned char *send = NULL, *receive = NULL;
    if (counts) {
        count_bytes(sampler, choices, share, communicator, window.bytes, counts, counts + size);
        for (size_t r = 0; r < size; ++r) {
            sent += counts[r];
            received += counts[size + r];
        }
        send = malloc(sent + 1);
        receive = malloc(received + 1);
    }
    fseg_status status = counts && send && receive ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    status = fseg_communicator_agree(communicator, status, NULL);
    if (status == FSEG_OK) {
        pack(sampler, choices, share, communicator, window, labels != NULL, send);
        status = fseg_communicator_exchange(communicator, send, counts, receive, counts + size);
    }
    if (status == FSEG_OK)
        unpack(sampler, choices + share * (size_t)communicator->rank, share, communicator, window,
               receive, images, labels);
    free(counts);
    free(send);
    free(receive);
    return status;
}

fseg_status fseg_sampler_windows(const fseg_sampler *sampler, fseg_context *context,
                                 const fseg_slice_choice *choices, size_t count, float *images,
                                 uint8_t *labels)
{
    fseg_communicator *communicator = fseg_context_communicator(context);
    if (!fseg_sampler_divides(context, count))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const fseg_sampler_options *o = &sampler->options;
    window_size window = {.pixels = (size_t)o->height * (size_t)o->width};
    window.floats = (size_t)o->context_slices * window.pixels;
    /* Whole floats, so that each window in the buffer is aligned. */
    window.bytes = window.floats * sizeof(float) + (labels ? (window.pixels + 3) / 4 * 4 : 0);
    const size_t share = count / (size_t)fseg_communicator_size(communicator);
    const int rank = fseg_communicator_rank(communicator);
    local_job job = {sampler, choices + share * (size_t)rank, rank, window, images, labels};
    fseg_context_parallel(context, share, copy_local, &job);
    return fseg_communicator_size(communicator) == 1
               ? FSEG_OK
               : fetch(sampler, communicator, choices, share, window, images, labels);
}
