/* Connected components of a binary volume. */
#include "Components.h"

#include <algorithm>
#include <functional>

namespace frugalseg
{

namespace
{

enum Mark : uint8_t { background = 0, unseen = 1, counted = 2, kept = 3 };

/** Turn the component around `start` from one mark into another; returns its size. */
size_t flood(uint8_t *voxels, const std::array<size_t, 3> &size, size_t start, Mark from, Mark to,
             std::vector<size_t> &stack)
{
    const size_t row = size[0], slice = size[0] * size[1];
    size_t members = 0;
    voxels[start] = to;
    stack.assign(1, start);
    while (!stack.empty()) {
        const size_t at = stack.back();
        stack.pop_back();
        ++members;
        const auto visit = [&](bool inside, size_t neighbour) {
            if (inside && voxels[neighbour] == from) {
                voxels[neighbour] = to;
                stack.push_back(neighbour);
            }
        };
        const size_t i = at % row, j = at / row % size[1], k = at / slice;
        visit(i > 0, at - 1);
        visit(i + 1 < size[0], at + 1);
        visit(j > 0, at - row);
        visit(j + 1 < size[1], at + row);
        visit(k > 0, at - slice);
        visit(k + 1 < size[2], at + slice);
    }
    return members;
}

} // namespace

std::vector<size_t> keepLargestComponent(uint8_t *voxels, const std::array<size_t, 3> &size)
{
    const size_t count = size[0] * size[1] * size[2];
    std::vector<size_t> stack, sizes; // no list of members: a large structure would fill memory
    size_t largest = 0, largestStart = 0;
    std::transform(voxels, voxels + count, voxels,
                   [](uint8_t voxel) { return static_cast<uint8_t>(voxel ? unseen : background); });
    for (size_t start = 0; start < count; ++start) {
        if (voxels[start] != unseen) {
            continue;
        }
        sizes.push_back(flood(voxels, size, start, unseen, counted, stack));
        if (sizes.back() > largest) {
            largest = sizes.back();
            largestStart = start;
        }
    }
    if (largest > 0) {
        flood(voxels, size, largestStart, counted, kept, stack);
    }
    std::transform(voxels, voxels + count, voxels,
                   [](uint8_t voxel) { return static_cast<uint8_t>(voxel == kept ? 1 : 0); });
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    return sizes;
}

} // namespace frugalseg
