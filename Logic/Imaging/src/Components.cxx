/* Connected components of a binary volume. */
#include "Components.h"

#include <algorithm>
#include <functional>

namespace frugalseg
{

std::vector<size_t> keepLargestComponent(uint8_t *voxels, const std::array<size_t, 3> &size)
{
    const size_t row = size[0], slice = size[0] * size[1], count = slice * size[2];
    std::vector<uint8_t> seen(count, 0);
    std::vector<size_t> stack, members, largest, sizes;
    for (size_t start = 0; start < count; ++start) {
        if (!voxels[start] || seen[start]) {
            continue;
        }
        members.clear();
        seen[start] = 1;
        stack.assign(1, start);
        while (!stack.empty()) {
            const size_t at = stack.back();
            stack.pop_back();
            members.push_back(at);
            const auto visit = [&](bool inside, size_t neighbour) {
                if (inside && voxels[neighbour] && !seen[neighbour]) {
                    seen[neighbour] = 1;
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
        sizes.push_back(members.size());
        if (members.size() > largest.size()) {
            largest.swap(members);
        }
    }
    std::fill(voxels, voxels + count, uint8_t{0});
    for (const size_t at : largest) {
        voxels[at] = 1;
    }
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    return sizes;
}

} // namespace frugalseg
