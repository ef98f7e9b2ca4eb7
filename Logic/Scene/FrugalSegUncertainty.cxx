// How unsure a model is of a case.
#include "FrugalSegFailure.h"
#include "FrugalSegRanking.h"

#include <algorithm>
#include <cmath>

namespace
{
double BinaryEntropy(double p)
{
  return p <= 0. || p >= 1. ? 0. : -p * std::log2(p) - (1. - p) * std::log2(1. - p);
}

/// Mean over the pixels above the threshold and their neighbours in the slice; negative when there is
/// none.
double MeanEntropy(const std::vector<float>& p, size_t height, size_t width, double threshold)
{
  double sum = 0.;
  size_t count = 0;
  for (size_t at = 0; at < p.size(); ++at)
  {
    const size_t x = at % width, y = at / width % height;
    const bool near = p[at] > threshold || (x > 0 && p[at - 1] > threshold) ||
                      (x + 1 < width && p[at + 1] > threshold) || (y > 0 && p[at - width] > threshold) ||
                      (y + 1 < height && p[at + width] > threshold);
    if (near)
    {
      sum += BinaryEntropy(p[at]);
      ++count;
    }
  }
  return count ? sum / static_cast<double>(count) : -1.;
}

/// Slices enlarged by `scale` about their middle, bilinear, edges repeated.
std::vector<float> Scale(const std::vector<float>& in, size_t depth, size_t height, size_t width,
                         double scale)
{
  std::vector<float> out(in.size());
  const auto source = [scale](size_t i, size_t size)
  {
    const double middle = (static_cast<double>(size) - 1.) / 2.;
    return std::clamp((static_cast<double>(i) - middle) / scale + middle, 0., static_cast<double>(size) - 1.);
  };
  for (size_t k = 0; k < depth; ++k)
  {
    const float* slice = in.data() + k * height * width;
    for (size_t j = 0; j < height; ++j)
    {
      const double y = source(j, height);
      const size_t y0 = static_cast<size_t>(y), y1 = std::min(y0 + 1, height - 1);
      const auto fy = static_cast<float>(y - std::floor(y));
      for (size_t i = 0; i < width; ++i)
      {
        const double x = source(i, width);
        const size_t x0 = static_cast<size_t>(x), x1 = std::min(x0 + 1, width - 1);
        const auto fx = static_cast<float>(x - std::floor(x));
        const float upper = slice[y0 * width + x0] * (1.F - fx) + slice[y0 * width + x1] * fx;
        const float lower = slice[y1 * width + x0] * (1.F - fx) + slice[y1 * width + x1] * fx;
        out[(k * height + j) * width + i] = upper * (1.F - fy) + lower * fy;
      }
    }
  }
  return out;
}

std::vector<float> ReverseSlices(const std::vector<float>& in, size_t depth)
{
  std::vector<float> out(in.size());
  const size_t plane = in.size() / depth;
  for (size_t k = 0; k < depth; ++k)
  {
    std::copy_n(in.data() + k * plane, plane, out.data() + (depth - 1 - k) * plane);
  }
  return out;
}

double Dice(const std::vector<float>& a, const std::vector<float>& b, double threshold)
{
  size_t both = 0, sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
  {
    both += a[i] > threshold && b[i] > threshold;
    sum += (a[i] > threshold) + static_cast<size_t>(b[i] > threshold);
  }
  return sum ? 2. * static_cast<double>(both) / static_cast<double>(sum) : 1.;
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegUncertainty FrugalSegMeasureUncertainty(fseg_context* context, const fseg_model* model,
                                                 const fseg_volume* volume, const fseg_progress* progress)
{
  fseg_error error{};
  fseg_input_spec spec{};
  FrugalSegRequire(fseg_model_input_spec(model, &spec, &error), error);
  const FrugalSegGrid grid = FrugalSegMakeGrid(volume, nullptr, model);
  const auto depth = static_cast<size_t>(grid->depth), height = static_cast<size_t>(grid->height),
             width = static_cast<size_t>(grid->width);
  const std::vector<float> slices(grid->slices, grid->slices + depth * height * width);
  int done = 0;
  const auto predict = [&](const std::vector<float>& image)
  {
    const FrugalSegPart part(progress, done / 4., (done + 1) / 4.);
    ++done;
    return FrugalSegPredict(context, model, image.data(), grid->depth, grid->height, grid->width, part.Get());
  };
  const std::vector<float> plain = predict(slices);
  const double entropy = MeanEntropy(plain, height, width, spec.threshold);
  double dice = Dice(plain, ReverseSlices(predict(ReverseSlices(slices, depth)), depth), spec.threshold);
  for (const double scale : { 1. / 1.1, 1.1 })
  {
    const std::vector<float> changed = predict(Scale(slices, depth, height, width, scale));
    dice += Dice(plain, Scale(changed, depth, height, width, 1. / scale), spec.threshold);
  }
  FrugalSegUncertainty result;
  result.Disagreement = 1. - dice / 3.;
  result.Entropy = entropy < 0. ? 1. : entropy;
  result.Score = entropy < 0. ? 1. : (result.Entropy + result.Disagreement) / 2.;
  return result;
}
