/**
 * @file Resample.h
 * Resampling along one axis by a table of weights.
 */
#ifndef FRUGALSEG_IMAGING_RESAMPLE_H
#define FRUGALSEG_IMAGING_RESAMPLE_H

#include <cstddef>
#include <vector>

namespace frugalseg
{

/** For every output sample the first input sample it takes from, and the weights. */
struct AxisWeights {
    struct Sample {
        size_t first;
        std::vector<float> weights;
    };
    std::vector<Sample> samples;
    size_t inputs = 0;

    /**
     * Both grids share their centre. Linear interpolation where the output is finer; a triangle as
     * wide as the output spacing where it is coarser, so that detail finer than the output grid
     * does not alias. Samples beyond the edge take the edge's value.
     */
    static AxisWeights centred(size_t inputs, double inputSpacing, size_t outputs,
                               double outputSpacing);
};

/** Resample every slice [inputs of y, inputs of x] of `in` to [outputs of y, outputs of x]. */
std::vector<float> resampleSlices(const float *in, size_t slices, const AxisWeights &x,
                                  const AxisWeights &y);

} // namespace frugalseg
#endif
