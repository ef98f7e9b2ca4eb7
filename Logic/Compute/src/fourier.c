/**
 * @file fourier.c
 * Mixed-radix decimation in time (Cooley & Tukey, Math Comp 1965;19:297).
 */
#include "fourier.h"

#include <math.h>

enum { RADIX_MAX = 64 }; /* larger prime factors: the sum as it is defined */

size_t fseg_fourier_table(int n)
{
    return (size_t)n;
}

void fseg_fourier_prepare(int n, fseg_complex *table)
{
    for (int k = 0; k < n; ++k) {
        const double angle = -2.0 * 3.14159265358979323846 * k / n;
        table[k].re = (float)cos(angle);
        table[k].im = (float)sin(angle);
    }
}

static fseg_complex turned(fseg_complex a, fseg_complex w, float sign)
{
    const float im = sign * w.im;
    const fseg_complex out = {a.re * w.re - a.im * im, a.re * im + a.im * w.re};
    return out;
}

static int smallest_factor(int n)
{
    if (n % 4 == 0)
        return 4;
    for (int f = 2; f * f <= n; ++f)
        if (n % f == 0)
            return f;
    return n;
}

typedef struct plan {
    int n; /* of the whole transform */
    const fseg_complex *table;
    float sign;
} plan;

/* The transform of `n` numbers as it is defined, for primes. */
static void direct(const plan *p, int n, const fseg_complex *in, size_t stride, fseg_complex *out)
{
    const int turn = p->n / n;
    for (int k = 0; k < n; ++k) {
        fseg_complex sum = {0.0f, 0.0f};
        for (int j = 0, at = 0; j < n; ++j) {
            const fseg_complex v = turned(in[(size_t)j * stride], p->table[at * turn], p->sign);
            sum.re += v.re;
            sum.im += v.im;
            at += k;
            at -= at >= n ? n : 0;
        }
        out[k] = sum;
    }
}

static void transform(const plan *p, int n, const fseg_complex *in, size_t stride,
                      fseg_complex *out)
{
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    const int radix = smallest_factor(n), part = n / radix;
    if (radix > RADIX_MAX || part == 1) {
        direct(p, n, in, stride, out);
        return;
    }
    for (int r = 0; r < radix; ++r)
        transform(p, part, in + (size_t)r * stride, stride * (size_t)radix,
                  out + (size_t)r * (size_t)part);
    const int turn = p->n / n;
    fseg_complex v[RADIX_MAX];
    for (int k = 0; k < part; ++k) {
        for (int r = 0; r < radix; ++r)
            v[r] = turned(out[r * part + k], p->table[r * k * turn], p->sign);
        if (radix == 2) {
            out[k].re = v[0].re + v[1].re;
            out[k].im = v[0].im + v[1].im;
            out[k + part].re = v[0].re - v[1].re;
            out[k + part].im = v[0].im - v[1].im;
        } else if (radix == 4) {
            const fseg_complex a = {v[0].re + v[2].re, v[0].im + v[2].im};
            const fseg_complex b = {v[0].re - v[2].re, v[0].im - v[2].im};
            const fseg_complex c = {v[1].re + v[3].re, v[1].im + v[3].im};
            /* -i (v1 - v3), or +i for the inverse */
            const fseg_complex d = {p->sign * (v[1].im - v[3].im), -p->sign * (v[1].re - v[3].re)};
            out[k] = (fseg_complex){a.re + c.re, a.im + c.im};
            out[k + part] = (fseg_complex){b.re + d.re, b.im + d.im};
            out[k + 2 * part] = (fseg_complex){a.re - c.re, a.im - c.im};
            out[k + 3 * part] = (fseg_complex){b.re - d.re, b.im - d.im};
        } else {
            for (int q = 0; q < radix; ++q) {
                fseg_complex sum = v[0];
                for (int r = 1; r < radix; ++r) {
                    const fseg_complex t =
                        turned(v[r], p->table[(r * q) % radix * (p->n / radix)], p->sign);
                    sum.re += t.re;
                    sum.im += t.im;
                }
                out[k + q * part] = sum;
            }
        }
    }
}

void fseg_fourier(int n, const fseg_complex *table, int inverse, const fseg_complex *in,
                  size_t stride, fseg_complex *out)
{
    const plan p = {n, table, inverse ? -1.0f : 1.0f};
    transform(&p, n, in, stride, out);
    if (inverse)
        for (int k = 0; k < n; ++k) {
            out[k].re *= 1.0f / (float)n;
            out[k].im *= 1.0f / (float)n;
        }
}
