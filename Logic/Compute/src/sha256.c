/* SHA-256 as FIPS 180-4 describes it, and by the SHA instructions of x86-64 where there are some.
 */
#include "digest.h"
#include <string.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define WITH_SHA_INSTRUCTIONS 1
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

static void compress_portable(uint32_t state[8], const unsigned char *block, size_t blocks)
{
    for (; blocks > 0; blocks--, block += 64) {
        uint32_t w[64], s[8];
        for (int t = 0; t < 16; t++) {
            w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
                   (uint32_t)block[4 * t + 2] << 8 | (uint32_t)block[4 * t + 3];
        }
        for (int t = 16; t < 64; t++) {
            const uint32_t a = w[t - 15], b = w[t - 2];
            w[t] = (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10) + w[t - 7] +
                   (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[t - 16];
        }
        memcpy(s, state, sizeof s);
        for (int t = 0; t < 64; t++) {
            const uint32_t e = s[4], a = s[0];
            const uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                                ((e & s[5]) ^ (~e & s[6])) + constants[t] + w[t];
            const uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                                ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 7 * sizeof *s);
            s[4] += t1;
            s[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++) {
            state[i] += s[i];
        }
    }
}

#ifdef WITH_SHA_INSTRUCTIONS
static int has_instructions(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    const int sse41 = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3);
    return sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

/* Four rounds take the words m + constants; the state is kept as ABEF and CDGH, as the instructions
 * want it (Intel SHA Extensions, 2013). */
__attribute__((target("sha,sse4.1,ssse3"))) static void
compress_by_instructions(uint32_t state[8], const unsigned char *block, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    low = _mm_shuffle_epi32(low, 0xb1);
    high = _mm_shuffle_epi32(high, 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; blocks > 0; blocks--, block += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++) {
            const __m128i raw = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
            w[i] = _mm_shuffle_epi8(raw, swap);
        }
        for (int t = 0; t < 16; t++) {
            const __m128i k = _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * t));
            const __m128i m = _mm_add_epi32(w[t % 4], k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, m);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(m, 0x0e));
            if (t < 12) {
                /* The next words but three, in place of those just used. */
                const __m128i w1 = w[(t + 1) % 4], w2 = w[(t + 2) % 4], w3 = w[(t + 3) % 4];
                const __m128i part =
                    _mm_add_epi32(_mm_sha256msg1_epu32(w[t % 4], w1), _mm_alignr_epi8(w3, w2, 4));
                w[t % 4] = _mm_sha256msg2_epu32(part, w3);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(high, low, 8));
}
#endif

static void compress(fseg_sha256 *sha, const unsigned char *block, size_t blocks)
{
#ifdef WITH_SHA_INSTRUCTIONS
    if (!sha->portable) {
        compress_by_instructions(sha->state, block, blocks);
        return;
    }
#endif
    compress_portable(sha->state, block, blocks);
}

void fseg_sha256_start(fseg_sha256 *sha)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(sha, 0, sizeof *sha);
    memcpy(sha->state, initial, sizeof initial);
#ifdef WITH_SHA_INSTRUCTIONS
    sha->portable = !has_instructions();
#else
    sha->portable = 1;
#endif
}

void fseg_sha256_add(fseg_sha256 *sha, const void *bytes, size_t count)
{
    const unsigned char *from = bytes;
    const size_t held = (size_t)(sha->bytes % 64);
    if (count == 0) {
        return;
    }
    sha->bytes += count;
    if (held > 0) {
        const size_t part = count < 64 - held ? count : 64 - held;
        memcpy(sha->block + held, from, part);
        from += part;
        count -= part;
        if (held + part < 64) {
            return;
        }
        compress(sha, sha->block, 1);
    }
    if (count >= 64) {
        compress(sha, from, count / 64);
    }
    if (count % 64 > 0) {
        memcpy(sha->block, from + count / 64 * 64, count % 64);
    }
}

void fseg_sha256_end(fseg_sha256 *sha, char hex[FSEG_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    static const unsigned char padding[64] = {0x80};
    const uint64_t bits = sha->bytes * 8;
    const size_t held = (size_t)(sha->bytes % 64);
    unsigned char length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (unsigned char)(bits >> (8 * (7 - i)) & 0xff);
    }
    fseg_sha256_add(sha, padding, held < 56 ? 56 - held : 120 - held);
    fseg_sha256_add(sha, length, sizeof length);
    for (int i = 0; i < 64; i++) {
        hex[i] = digits[sha->state[i / 8] >> (4 * (7 - i % 8)) & 0xf];
    }
    hex[64] = '\0';
}
