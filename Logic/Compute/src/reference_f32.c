/* Reference operators in float. */
#define REAL float
#define TENSORS fseg_operator_f32
#define R(name) fseg_##name##_f32
#include "reference_body.h"
#include <stdint.h>
#include <string.h>

void fseg_round_bfloat16(float *values, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u)
            continue;
        bits += 0x7fffu + (bits >> 16 & 1u); /* half of what is cut off; the tie goes to even */
        bits &= 0xffff0000u;
        memcpy(&values[i], &bits, sizeof bits);
    }
}
