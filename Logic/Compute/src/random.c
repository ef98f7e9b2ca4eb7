/**
 * @file random.c
 * Philox4x32-10 and the few distributions that the library needs.
 *
 * Philox is a keyed bijection of a 128-bit counter: ten rounds of two 32 x 32 -> 64 bit products,
 * crossed and mixed with a Weyl-stepped key. The n-th block is a function of (seed, stream, n), so
 * there is nothing to warm up, skip or share. Source: Salmon, Moraes, Dror, Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011; tested against the authors' known answers.
 */
#include "frugalseg/random.h"

#include "random_fill.h"

#include <math.h>
#include <string.h>

enum {
    PHILOX_ROUNDS = 10,
    LANES = 16 /* blocks computed side by side in the bulk generator, for the vectorizer */
};
static const uint32_t philox_multiplier_0 = 0xD2511F53u;
static const uint32_t philox_multiplier_1 = 0xCD9E8D57u;
static const uint32_t philox_weyl_0 = 0x9E3779B9u; /* golden ratio */
static const uint32_t philox_weyl_1 = 0xBB67AE85u; /* sqrt(3) - 1 */

static const float two_pi = 6.28318530717958647692f;

void fseg_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; ++round) {
        const uint64_t p0 = (uint64_t)philox_multiplier_0 * c0;
        const uint64_t p1 = (uint64_t)philox_multiplier_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += philox_weyl_0;
        k1 += philox_weyl_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

fseg_random fseg_random_create(uint64_t seed, uint64_t stream)
{
    fseg_random random;
    memset(&random, 0, sizeof random);
    random.seed = seed;
    random.stream = stream;
    random.used = 4;
    return random;
}

uint32_t fseg_random_u32(fseg_random *random)
{
    if (random->used >= 4) {
        const uint32_t counter[4] = {(uint32_t)random->counter, (uint32_t)(random->counter >> 32),
                                     (uint32_t)random->stream, (uint32_t)(random->stream >> 32)};
        const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
        fseg_philox4x32(counter, key, random->block);
        ++random->counter;
        random->used = 0;
    }
    return random->block[random->used++];
}

float fseg_random_uniform(fseg_random *random)
{
    return (float)(fseg_random_u32(random) >> 8) * 0x1p-24f;
}

float fseg_random_range(fseg_random *random, float low, float high)
{
    const float value = low + (high - low) * fseg_random_uniform(random);
    /* The rounding of the sum may reach `high`, which the half-open interval excludes. */
    return value < high || high <= low ? value : nextafterf(high, low);
}

uint32_t fseg_random_below(fseg_random *random, uint32_t bound)
{
    if (bound == 0)
        return 0;
    /* Lemire 2019: the high word of a product is uniform once the few biased low words, of which
       there are 2^32 mod bound, are drawn again. */
    uint64_t product = (uint64_t)fseg_random_u32(random) * bound;
    if ((uint32_t)product < bound) {
        const uint32_t threshold = (uint32_t)(-bound) % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)fseg_random_u32(random) * bound;
    }
    return (uint32_t)(product >> 32);
}

float fseg_random_normal(fseg_random *random)
{
    /* 1 - u lies in (0, 1], so the logarithm is finite. */
    const float u = 1.0f - fseg_random_uniform(random);
    const float v = fseg_random_uniform(random);
    return sqrtf(-2.0f * logf(u)) * cosf(two_pi * v);
}

/* ---- Bulk normals ------------------------------------------------------------------------ */

/* sqrt(-2 ln u) for u in (0, 1]: branch-free, so that loops over it become vector code without
   any compiler option. Relative error about 1e-6, far below what noise needs. */
static inline float box_muller_radius(float u)
{
    /* ln u = e ln 2 + ln m with m in [sqrt(1/2), sqrt(2)); atanh series in z = (m-1)/(m+1). */
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    const uint32_t shifted = bits - 0x3F3504F3u;
    const float exponent = (float)((int32_t)shifted >> 23);
    const uint32_t mantissa_bits = (shifted & 0x007FFFFFu) + 0x3F3504F3u;
    float m;
    memcpy(&m, &mantissa_bits, sizeof m);
    const float z = (m - 1.0f) / (m + 1.0f);
    const float z2 = z * z;
    const float series =
        2.0f * z *
        (1.0f + z2 * (0.333333333f + z2 * (0.2f + z2 * (0.142857143f + z2 * 0.111111f))));
    const float log_u = exponent * 0.693147180559945f + series;
    const float a = -2.0f * log_u + 1e-12f;
    /* sqrt(a) = a / sqrt(a) by Newton steps; sqrtf itself may set errno and stops the vectorizer.
     */
    uint32_t a_bits;
    memcpy(&a_bits, &a, sizeof a_bits);
    const uint32_t guess = 0x5F3759DFu - (a_bits >> 1);
    float r;
    memcpy(&r, &guess, sizeof r);
    r = r * (1.5f - 0.5f * a * r * r);
    r = r * (1.5f - 0.5f * a * r * r);
    r = r * (1.5f - 0.5f * a * r * r);
    return a * r;
}

/* sin and cos of 2 pi v for v in [0, 1), by Taylor polynomials on a quarter turn. */
static inline void sincos_turn(float v, float *sine, float *cosine)
{
    const int quadrant = (int)(v * 4.0f + 0.5f);            /* 0..4 */
    const float t = (v - 0.25f * (float)quadrant) * two_pi; /* in +-pi/4 */
    const float t2 = t * t;
    const float s = t * (1.0f + t2 * (-1.0f / 6.0f + t2 * (1.0f / 120.0f - t2 * (1.0f / 5040.0f))));
    const float c =
        1.0f + t2 * (-0.5f + t2 * (1.0f / 24.0f + t2 * (-1.0f / 720.0f + t2 * (1.0f / 40320.0f))));
    const int odd = quadrant & 1;
    const float sine_magnitude = odd ? c : s;
    const float cosine_magnitude = odd ? s : c;
    *sine = (quadrant & 2) ? -sine_magnitude : sine_magnitude;
    *cosine = ((quadrant + 1) & 2) ? -cosine_magnitude : cosine_magnitude;
}

/* LANES consecutive blocks, word by word: out[word][lane]. */
static void philox_blocks(const fseg_random *random, uint64_t first, uint32_t out[4][LANES])
{
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    for (int i = 0; i < LANES; ++i) {
        const uint64_t counter = first + (uint64_t)i;
        c0[i] = (uint32_t)counter;
        c1[i] = (uint32_t)(counter >> 32);
        c2[i] = (uint32_t)random->stream;
        c3[i] = (uint32_t)(random->stream >> 32);
    }
    uint32_t k0 = (uint32_t)random->seed, k1 = (uint32_t)(random->seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; ++round) {
        for (int i = 0; i < LANES; ++i) {
            const uint64_t p0 = (uint64_t)philox_multiplier_0 * c0[i];
            const uint64_t p1 = (uint64_t)philox_multiplier_1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += philox_weyl_0;
        k1 += philox_weyl_1;
    }
    memcpy(out[0], c0, sizeof c0);
    memcpy(out[1], c1, sizeof c1);
    memcpy(out[2], c2, sizeof c2);
    memcpy(out[3], c3, sizeof c3);
}

void fseg_random_fill_normal(fseg_random *random, size_t count, float *out)
{
    uint32_t words[4][LANES];
    float normals[4 * LANES];
    size_t done = 0;
    while (done < count) {
        philox_blocks(random, random->counter, words);
        for (int i = 0; i < LANES; ++i) {
            const float u0 = (float)((int32_t)(words[0][i] >> 8) + 1) * 0x1p-24f;
            const float v0 = (float)(int32_t)(words[1][i] >> 8) * 0x1p-24f;
            const float u1 = (float)((int32_t)(words[2][i] >> 8) + 1) * 0x1p-24f;
            const float v1 = (float)(int32_t)(words[3][i] >> 8) * 0x1p-24f;
            float s0, t0, s1, t1;
            sincos_turn(v0, &s0, &t0);
            sincos_turn(v1, &s1, &t1);
            const float r0 = box_muller_radius(u0);
            const float r1 = box_muller_radius(u1);
            normals[i] = r0 * t0;
            normals[LANES + i] = r0 * s0;
            normals[2 * LANES + i] = r1 * t1;
            normals[3 * LANES + i] = r1 * s1;
        }
        const size_t left = count - done;
        const size_t take = left < 4 * LANES ? left : 4 * LANES;
        memcpy(out + done, normals, take * sizeof *out);
        done += take;
        random->counter += LANES;
    }
    random->used = 4;
}
