/* Passes over feature maps for gates of attention, each as few reads and writes as it takes.

   A map of one image is a matrix x[o][i] of `outer` rows of `inner` values that lie side by side:
   channels_last has positions outside and channels inside, contiguous the other way round. Nothing here
   knows which is which: a weight for each row is `rows`, one for each column `columns`, NULL where there is
   none. Maps are float, double or bfloat16; all sums and all that is small are double for double, else float.

   No header of torch is needed. Threads are those of OpenMP that the process has already. The order of
   every sum is fixed, whatever the number of threads. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16  /* partial results of a reduction along a row: independent, so they are computed at once */
#define BLOCK 64  /* columns that are reduced together down the rows: they stay in the first cache */
#define GROUP 32  /* rows whose sum is taken before it is added to the whole, for the sake of rounding */
#define SPLIT 8   /* parts of one image where there are fewer images than this */

static inline float widened(uint16_t low) {
    uint32_t bits = (uint32_t)low << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, ties to even; what is no number stays none. */
static inline uint16_t narrowed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)(value != value ? 0x7fc0 : rounded);
}

/* 1 / (1 + exp(-v)) without a call, so that a loop over it is vectorised; within 2 ulp.
   exp(r) for |r| <= ln(2)/2 by its Taylor polynomial, which is exact to rounding from degree 7 on. */
static inline float sigmoid_float(float v) {
    float z = -v;
    z = z > 87.0f ? 87.0f : z;
    z = z < -87.0f ? -87.0f : z;
    float shifted = z * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the fraction is rounded away */
    float n = shifted - 12582912.0f;
    float r = z - n * 0.693359375f + n * 2.12194440e-4f; /* ln(2) in two parts */
    float p = 1.98412698e-4f;
    p = p * r + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t power;
    memcpy(&power, &shifted, sizeof power);
    power = (int32_t)((uint32_t)(power + 127) << 23);
    float scale;
    memcpy(&scale, &power, sizeof scale);
    float out = 1.0f / (1.0f + p * scale);
    return v != v ? v : out;
}

static inline double sigmoid_double(double v) { return 1.0 / (1.0 + exp(-v)); }

#define JOINED_(a, b) a##_##b
#define JOINED(a, b) JOINED_(a, b)
#define NAME(f) JOINED(f, TYPE)

#define TYPE float32
#define T float
#define A float
#define LOAD(v) (v)
#define STORE(v) (v)
#define SIGMOID sigmoid_float
#include "passes.h"

#define TYPE float64
#define T double
#define A double
#define LOAD(v) (v)
#define STORE(v) (v)
#define SIGMOID sigmoid_double
#include "passes.h"

#define TYPE bfloat16
#define T uint16_t
#define A float
#define LOAD(v) widened(v)
#define STORE(v) narrowed(v)
#define SIGMOID sigmoid_float
#include "passes.h"
