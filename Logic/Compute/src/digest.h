/* SHA-256 (FIPS 180-4), for the checksum inside our files. */
#ifndef FSEG_DIGEST_H
#define FSEG_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define FSEG_SHA256_HEX 65 /* 64 digits and a null */

typedef struct fseg_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* so far */
    unsigned char block[64];
    int portable; /* not 0: the processor has no instructions for it; tests may set it */
} fseg_sha256;

void fseg_sha256_start(fseg_sha256 *sha);
void fseg_sha256_add(fseg_sha256 *sha, const void *bytes, size_t count);
/* Lower-case digits of the hash; the object must be started again after it. */
void fseg_sha256_end(fseg_sha256 *sha, char hex[FSEG_SHA256_HEX]);

#endif
