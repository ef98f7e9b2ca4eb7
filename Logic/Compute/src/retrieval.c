/* What an encoder has learned: pooled bottleneck features, and retrieval by their similarity. */
#include "frugalseg/pretrainer.h"
#include "network.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEATURE_BATCH = 16 };

size_t fseg_model_feature_count(const fseg_model *model)
{
    return model ? (size_t)model->config.widths[model->config.levels - 1] : 0;
}

fseg_status fseg_model_features(fseg_context *context, const fseg_model *model, const float *images,
                                size_t count, int height, int width, float *out, fseg_error *error)
{
    if (!context || !model || !images || !out || count < 1)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "features need a context, a model, images and a place for the "
                              "result");
    char name[FSEG_NAME_LENGTH];
    snprintf(name, sizeof name, "enc%d.norm2", model->config.levels);
    const fseg_network_scope scope = {.last = fseg_network_find_node(model, name)};
    const int batch = count < FEATURE_BATCH ? (int)count : FEATURE_BATCH;
    fseg_network *network = NULL;
    const fseg_status status =
        fseg_network_create_scope(context, model, batch, height, width, &scope, &network, error);
    if (status != FSEG_OK)
        return status;
    const int shrink = model->config.levels - 1;
    const size_t channels = fseg_model_feature_count(model);
    const size_t pixels = (size_t)(height >> shrink) * (size_t)(width >> shrink);
    const size_t image = (size_t)model->config.in_channels * (size_t)height * (size_t)width;
    float *maps = malloc((size_t)batch * channels * pixels * sizeof *maps);
    for (size_t i = 0; maps && i < count; i += (size_t)batch) {
        const int n = count - i < (size_t)batch ? (int)(count - i) : batch;
        fseg_network_run(network, images + i * image, n);
        fseg_network_read(network, scope.last, maps);
        for (size_t k = 0; k < (size_t)n * channels; ++k) {
            float sum = 0.0f;
            for (size_t j = 0; j < pixels; ++j)
                sum += maps[k * pixels + j];
            out[i * channels + k] = sum / (float)pixels;
        }
    }
    fseg_network_free(network);
    if (!maps)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for features");
    free(maps);
    return FSEG_OK;
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (size_t k = 0; k < dim; ++k) {
        ab += (double)a[k] * (double)b[k];
        aa += (double)a[k] * (double)a[k];
        bb += (double)b[k] * (double)b[k];
    }
    return aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 0.0;
}

double fseg_retrieval_top1(const float *vectors, size_t count, size_t dim, const int *classes,
                           const int *groups)
{
    size_t asked = 0, right = 0;
    for (size_t i = 0; vectors && classes && groups && i < count; ++i) {
        double best = -2.0;
        size_t nearest = i;
        for (size_t j = 0; j < count; ++j) {
            if (groups[j] == groups[i])
                continue;
            const double c = cosine(vectors + i * dim, vectors + j * dim, dim);
            if (c > best) {
                best = c;
                nearest = j;
            }
        }
        asked += nearest != i;
        right += nearest != i && classes[nearest] == classes[i];
    }
    return asked ? (double)right / (double)asked : 0.0;
}
