#include "FrugalSegMeasure.h"

#include "FrugalSegSurface.h"

// VTK includes
#include <vtkPolyData.h>

// STD includes
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace
{
struct Pixel
{
  double X, Y;
};

double Turn(const Pixel& a, const Pixel& b, const Pixel& c)
{
  return (b.X - a.X) * (c.Y - a.Y) - (b.Y - a.Y) * (c.X - a.X);
}

/// Corners of the convex hull (Andrew's monotone chain). The farthest pair of any points is a pair of
/// hull corners, in voxel as in patient coordinates, because the map between them is affine.
std::vector<Pixel> Hull(std::vector<Pixel> points)
{
  std::sort(points.begin(), points.end(),
            [](const Pixel& a, const Pixel& b) { return a.X < b.X || (a.X == b.X && a.Y < b.Y); });
  std::vector<Pixel> hull;
  for (int side = 0; side < 2; ++side)
  {
    const size_t begin = hull.size();
    for (const Pixel& point : points)
    {
      while (hull.size() >= begin + 2 && Turn(hull[hull.size() - 2], hull.back(), point) <= 0.)
      {
        hull.pop_back();
      }
      hull.push_back(point);
    }
    hull.pop_back(); // it begins the other side
    std::reverse(points.begin(), points.end());
  }
  return hull;
}

using Point = std::array<double, 3>;

/// The corners, in millimetres (LPS), of voxels on the convex hull of each slice.
std::vector<Point> OutermostCorners(const fseg_mask* mask)
{
  const fseg_geometry& geometry = mask->geometry;
  std::vector<Point> corners;
  const uint8_t* row = mask->voxels;
  for (size_t k = 0; k < geometry.size[2]; ++k)
  {
    std::vector<Pixel> ends;
    for (size_t j = 0; j < geometry.size[1]; ++j, row += geometry.size[0])
    {
      const uint8_t* end = row + geometry.size[0];
      const uint8_t* first = std::find_if(row, end, [](uint8_t voxel) { return voxel != 0; });
      if (first == end)
      {
        continue;
      }
      const uint8_t* last = end - 1;
      while (!*last)
      {
        --last;
      }
      const double low = static_cast<double>(first - row) - 0.5, high = static_cast<double>(last - row) + 0.5;
      const double y = static_cast<double>(j);
      ends.insert(ends.end(), { { low, y - 0.5 }, { low, y + 0.5 }, { high, y - 0.5 }, { high, y + 0.5 } });
    }
    if (ends.empty())
    {
      continue;
    }
    for (const Pixel& pixel : Hull(ends))
    {
      for (const double z : { static_cast<double>(k) - 0.5, static_cast<double>(k) + 0.5 })
      {
        Point point;
        for (size_t axis = 0; axis < 3; ++axis)
        {
          const double* m = geometry.ijk_to_lps[axis];
          point[axis] = m[0] * pixel.X + m[1] * pixel.Y + m[2] * z + m[3];
        }
        corners.push_back(point);
      }
    }
  }
  return corners;
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegMeasures FrugalSegMeasure(const fseg_mask* mask)
{
  FrugalSegMeasures measures;
  measures.VolumeML = fseg_mask_volume_ml(mask);
  const std::vector<Point> corners = OutermostCorners(mask);
  if (corners.empty())
  {
    return measures;
  }
  for (size_t axis = 0; axis < 3; ++axis)
  {
    const auto range = std::minmax_element(
        corners.begin(), corners.end(), [axis](const Point& a, const Point& b) { return a[axis] < b[axis]; });
    measures.ExtentMM[axis] = (*range.second)[axis] - (*range.first)[axis];
  }
  double longest = 0.;
  for (size_t i = 0; i < corners.size(); ++i)
  {
    for (size_t j = 0; j < i; ++j)
    {
      const double x = corners[i][0] - corners[j][0], y = corners[i][1] - corners[j][1],
                   z = corners[i][2] - corners[j][2];
      longest = std::max(longest, x * x + y * y + z * z);
    }
  }
  measures.LongestMM = std::sqrt(longest);
  measures.SurfaceCM2 = FrugalSegSurfaceArea(FrugalSegSurfaceOf(mask)) / 100.;
  return measures;
}

//----------------------------------------------------------------------------
std::string FrugalSegMeasuresText(const FrugalSegMeasures& measures)
{
  if (measures.VolumeML <= 0.)
  {
    return "empty";
  }
  return FrugalSegNumber(measures.VolumeML) + " ml; " + FrugalSegNumber(measures.ExtentMM[0]) + " x " +
         FrugalSegNumber(measures.ExtentMM[1]) + " x " + FrugalSegNumber(measures.ExtentMM[2]) +
         " mm (right-left, front-back, up-down), longest " + FrugalSegNumber(measures.LongestMM) +
         " mm; surface " + FrugalSegNumber(measures.SurfaceCM2) + " cm2";
}

//----------------------------------------------------------------------------
std::string FrugalSegNumber(double value)
{
  char text[32];
  return fseg_imaging_format_number(value, text);
}
