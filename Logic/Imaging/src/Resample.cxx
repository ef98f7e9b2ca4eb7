/* Resampling along one axis by a table of weights. */
#include "Resample.h"

#include <algorithm>
#include <cmath>

namespace frugalseg
{

AxisWeights AxisWeights::centred(size_t inputs, double inputSpacing, size_t outputs,
                                 double outputSpacing)
{
    AxisWeights table;
    table.inputs = inputs;
    const double ratio = outputSpacing / inputSpacing;
    const double reach = std::max(1.0, ratio);
    const double inputMiddle = (static_cast<double>(inputs) - 1.0) / 2.0;
    const double outputMiddle = (static_cast<double>(outputs) - 1.0) / 2.0;
    const double last = static_cast<double>(inputs) - 1.0;
    for (size_t j = 0; j < outputs; ++j) {
        const double centre =
            std::clamp((static_cast<double>(j) - outputMiddle) * ratio + inputMiddle, 0.0, last);
        const double low = std::max(0.0, std::ceil(centre - reach));
        const double high = std::min(last, std::floor(centre + reach));
        Sample sample{static_cast<size_t>(low), {}};
        double sum = 0.0;
        std::vector<double> weights;
        for (double i = low; i <= high; i += 1.0) {
            weights.push_back(std::max(0.0, 1.0 - std::fabs(i - centre) / reach));
            sum += weights.back();
        }
        for (const double weight : weights) {
            sample.weights.push_back(static_cast<float>(weight / sum));
        }
        table.samples.push_back(sample);
    }
    return table;
}

std::vector<float> resampleSlices(const float *in, size_t slices, const AxisWeights &x,
                                  const AxisWeights &y)
{
    const size_t width = x.samples.size(), height = y.samples.size();
    std::vector<float> out(slices * height * width, 0.0F);
    std::vector<float> narrow(y.inputs * width);
    for (size_t k = 0; k < slices; ++k) {
        for (size_t j = 0; j < y.inputs; ++j) {
            const float *row = in + (k * y.inputs + j) * x.inputs;
            for (size_t i = 0; i < width; ++i) {
                const AxisWeights::Sample &sample = x.samples[i];
                float sum = 0.0F;
                for (size_t n = 0; n < sample.weights.size(); ++n) {
                    sum += sample.weights[n] * row[sample.first + n];
                }
                narrow[j * width + i] = sum;
            }
        }
        for (size_t j = 0; j < height; ++j) {
            const AxisWeights::Sample &sample = y.samples[j];
            float *row = out.data() + (k * height + j) * width;
            for (size_t n = 0; n < sample.weights.size(); ++n) {
                const float *from = narrow.data() + (sample.first + n) * width;
                for (size_t i = 0; i < width; ++i) {
                    row[i] += sample.weights[n] * from[i];
                }
            }
        }
    }
    return out;
}

} // namespace frugalseg
