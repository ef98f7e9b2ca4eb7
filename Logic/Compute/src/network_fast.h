/*
 * Single precision: which algorithm computes a convolution and, in inference, which normalizations
 * are left to the readers of a tensor. With bfloat16 every node is computed by definition.
 */
#ifndef FSEG_NETWORK_FAST_H
#define FSEG_NETWORK_FAST_H

#include "network_internal.h"

/* Algorithm of the convolution s, whose shape is known. */
fseg_conv_method fseg_fast_method(const fseg_network *network, const fseg_step *s, size_t index);
/* Whether a step of a planned network writes a tensor that somebody reads. */
void fseg_fast_drop_ends(fseg_network *network);
/* Whether the readers of NORM_RELU step i normalize by themselves. */
int fseg_fast_defers(const fseg_network *network, size_t i);
/* Whether a reader of step i looks at the border of its tensor. */
int fseg_fast_needs_border(const fseg_network *network, size_t i);

/* What a convolution needs, by its method: floats of weights and of scratch, rows of statistics. */
size_t fseg_fast_packed_floats(const fseg_step *s);
size_t fseg_fast_packed_back_floats(const fseg_step *s, int source);
/* Weights in the form that the method wants, and their backward forms as far as there is memory. */
void fseg_fast_pack(const fseg_network *network, const fseg_step *s, const float *weight);
size_t fseg_fast_scratch(const fseg_network *network, const fseg_step *s);
size_t fseg_fast_sums_rows(const fseg_step *s);

/* Run a convolution whose method is not FSEG_CONV_DIRECT; and pooling of a deferred
 * normalization. */
void fseg_fast_conv(fseg_network *network, const fseg_step *s);
void fseg_fast_max_pool(fseg_network *network, const fseg_step *s);
/* Gradient of source k of any convolution, added to dx when `accumulate`. */
void fseg_fast_conv_back(fseg_network *network, const fseg_step *s, int k, const fseg_blocked *dy,
                         int accumulate, const fseg_blocked *dx);

#endif
