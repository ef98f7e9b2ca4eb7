/* The standard orientation of a voxel grid. */
#include "CanonicalAxes.h"
#include "Failure.h"
#include "frugalseg/slices.h"

#include <algorithm>
#include <cmath>

namespace frugalseg
{

namespace
{

/** Patient axes: 0 left, 1 posterior, 2 superior. */
enum { Left = 0, Posterior = 1, Superior = 2 };

constexpr double isotropy = 1.01; /**< spacings within 1 % count as equal */
constexpr double tie = 1e-6;

/**
 * The axis across the acquired slices: the one with the widest spacing; with thin slices the one
 * that differs from the two equal in-plane spacings; in an isotropic volume the one nearest to
 * the patient's long axis.
 */
int sliceAxis(const double spacing[3], const Vector3 unit[3])
{
    int order[3] = {0, 1, 2};
    std::sort(order, order + 3, [&](int a, int b) { return spacing[a] < spacing[b]; });
    if (spacing[order[2]] > isotropy * spacing[order[1]]) {
        return order[2];
    }
    if (spacing[order[1]] > isotropy * spacing[order[0]]) {
        return order[0];
    }
    int best = 0;
    for (int axis = 1; axis < 3; ++axis) {
        if (std::fabs(unit[axis][Superior]) > std::fabs(unit[best][Superior]) + tie) {
            best = axis;
        }
    }
    return best;
}

/** An order of two directions that does not depend on their sign. */
bool comesFirst(const Vector3 &a, const Vector3 &b)
{
    for (size_t i = 0; i < 3; ++i) {
        const double gap = std::fabs(a[i]) - std::fabs(b[i]);
        if (std::fabs(gap) > tie) {
            return gap > 0.0;
        }
    }
    return false;
}

} // namespace

CanonicalAxes::CanonicalAxes(const fseg_geometry &source)
{
    double sourceSpacing[3];
    Vector3 unit[3];
    for (int i = 0; i < 3; ++i) {
        const Vector3 step = matrixColumn(source, i);
        sourceSpacing[i] = norm(step);
        unit[i] = scaled(step, 1.0 / sourceSpacing[i]);
    }
    // Nearest patient axes: the assignment with the largest sum of cosines.
    const int slices = sliceAxis(sourceSpacing, unit);
    int first = (slices + 1) % 3, second = (slices + 2) % 3;
    if (!comesFirst(unit[first], unit[second])) {
        std::swap(first, second);
    }
    static const int orders[6][3] = {{Superior, Left, Posterior}, {Superior, Posterior, Left},
                                     {Posterior, Left, Superior}, {Posterior, Superior, Left},
                                     {Left, Posterior, Superior}, {Left, Superior, Posterior}};
    const int *nearest = orders[0];
    double best = -1.0;
    for (const auto &order : orders) {
        const auto cosine = [&](int axisIndex, int patientAxis) {
            return std::fabs(unit[axisIndex][static_cast<size_t>(patientAxis)]);
        };
        const double sum =
            cosine(slices, order[0]) + cosine(first, order[1]) + cosine(second, order[2]);
        if (sum > best + tie) {
            best = sum;
            nearest = order;
        }
    }
    // The usual view of each plane: columns run to the left, or to posterior when left is the
    // slice direction; rows run to posterior in axial slices, else from head to foot.
    const int sliceDirection = nearest[0];
    const int columnDirection = sliceDirection == Left ? Posterior : Left;
    const bool firstIsColumns = nearest[1] == columnDirection;
    axis[0] = firstIsColumns ? first : second;
    axis[1] = firstIsColumns ? second : first;
    axis[2] = slices;
    const int rowDirection = sliceDirection == Superior ? Posterior : Superior;
    const double towards[3] = {1.0, rowDirection == Superior ? -1.0 : 1.0, 1.0};
    const int direction[3] = {columnDirection, rowDirection, sliceDirection};

    const size_t memoryStride[3] = {1, source.size[0], source.size[0] * source.size[1]};
    start_ = 0;
    geometry = fseg_geometry{};
    geometry.ijk_to_lps[3][3] = 1.0;
    Vector3 corner{};
    for (int i = 0; i < 3; ++i) {
        const int from = axis[i];
        const size_t extent = source.size[from];
        flip[i] = unit[from][static_cast<size_t>(direction[i])] * towards[i] < 0.0;
        size[static_cast<size_t>(i)] = geometry.size[i] = extent;
        spacing[i] = sourceSpacing[from];
        stride_[i] = static_cast<ptrdiff_t>(memoryStride[from]) * (flip[i] ? -1 : 1);
        start_ += flip[i] ? memoryStride[from] * (extent - 1) : 0;
        corner[static_cast<size_t>(from)] = flip[i] ? static_cast<double>(extent - 1) : 0.0;
        setMatrixColumn(geometry, i, scaled(matrixColumn(source, from), flip[i] ? -1.0 : 1.0));
    }
    setMatrixColumn(geometry, 3, positionOf(source, corner));
}

} // namespace frugalseg

extern "C" int fseg_geometry_slice_axis(const fseg_geometry *geometry)
{
    int axis = -1;
    const fseg_status status = frugalseg::guard(nullptr, [&] {
        frugalseg::requireArgument(geometry, "geometry must not be null");
        frugalseg::requireGeometry(*geometry);
        axis = frugalseg::CanonicalAxes(*geometry).axis[2];
    });
    return status == FSEG_OK ? axis : -1;
}
