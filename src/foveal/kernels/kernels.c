/* Passes over feature maps for gates of attention, each as few reads and writes as it takes.

   A map of one image is a matrix x[o][i] of `outer` rows of `inner` values that lie side by side:
   channels_last has positions outside and channels inside, contiguous the other way round. Nothing here
   knows which is which: a weight for each row is `rows`, one for each column `columns`, NULL where there is
   none. Maps are float, double or bfloat16; all sums and all that is small are double for double, else float.

   No header of torch is needed. Threads are those of OpenMP that the process has already. The order of
   every sum is fixed, whatever the number of threads. */

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16  /* partial results of a reduction along a row: independent, so they are computed at once */
#define BLOCK 64  /* columns of which a part of an image has a multiple; values of a convolution summed at once */
#define GROUP 32  /* rows whose sum is taken before it is added to the whole, for the sake of rounding */
#define PAIR 2    /* vectors whose sums with a map are taken at once, by one read of it */
#define WIDE 4    /* vectors of columns whose sums and weights stay in registers */
#define TOGETHER 8 /* images of which the gradient of a convolution is summed at once */
#define SPLIT 8   /* parts of one image where there are fewer images than this */

enum { SUM, PRODUCT, FACTORS }; /* how the two logits of a joint gate are given, and what is made of them */

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

#define JOINED_(a, b) a##_##b
#define JOINED(a, b) JOINED_(a, b)
#define NAME(f) JOINED(f, TYPE)
#define RUNNING NAME(running)

/* As many values as there are lanes, whatever the width of the machine's own vectors. */
typedef uint8_t vector_of_uint8 __attribute__((vector_size(LANES * sizeof(uint8_t))));
typedef uint16_t vector_of_uint16 __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t vector_of_uint32 __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef int32_t vector_of_int32 __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef int64_t vector_of_int64 __attribute__((vector_size(LANES * sizeof(int64_t))));
typedef float vector_of_float __attribute__((vector_size(LANES * sizeof(float))));
typedef double vector_of_double __attribute__((vector_size(LANES * sizeof(double))));

/* A vector with its lanes exchanged, each with that `away`: four of these fold all lanes into each. */
#define EXCHANGED(a) \
    0 ^ a, 1 ^ a, 2 ^ a, 3 ^ a, 4 ^ a, 5 ^ a, 6 ^ a, 7 ^ a, 8 ^ a, 9 ^ a, 10 ^ a, 11 ^ a, 12 ^ a, 13 ^ a, 14 ^ a, 15 ^ a
/* Of two vectors the lower (`by` 0) or the upper (`by` = `half`) half of each 2 * `half` lanes, in turns. */
#define HALF_OF(lane, half, by) (((lane) & (half) ? LANES : 0) + ((lane) & ~(half)) + (by))
#define HALVES_(half, by, at) \
    HALF_OF(at, half, by), HALF_OF(at + 1, half, by), HALF_OF(at + 2, half, by), HALF_OF(at + 3, half, by)
#define HALVES(half, by) HALVES_(half, by, 0), HALVES_(half, by, 4), HALVES_(half, by, 8), HALVES_(half, by, 12)
#ifdef __clang__
#define EXCHANGE(v, away) __builtin_shufflevector(v, v, EXCHANGED(away))
#define JOIN(one, other, half, by) __builtin_shufflevector(one, other, HALVES(half, by))
#else
#define EXCHANGE(v, away) __builtin_shuffle(v, (LANE_PLACES){EXCHANGED(away)})
#define JOIN(one, other, half, by) __builtin_shuffle(one, other, (LANE_PLACES){HALVES(half, by)})
#endif

/* Of each lane one value or the other, where `condition` is what a comparison of vectors gives. */
#define CHOSEN(type, condition, yes, no) \
    ((type)(((condition) & (__typeof__(condition))(yes)) | (~(condition) & (__typeof__(condition))(no))))

/* Copy as many values as there are lanes, or the first `count`; the former is one move of the machine. */
#define COPY_LANES(to, from, count)                                \
    if ((count) >= LANES)                                          \
        memcpy(to, from, LANES * sizeof *(from));                  \
    else                                                           \
        memcpy(to, from, (size_t)(count) * sizeof *(from))

/* Do the same with `count` values, as many as there are lanes or what is left: with a number that the compiler
   knows, values go from memory into lanes without a detour. */
#define WITH_COUNT(left, ...)                                      \
    if ((left) >= LANES) {                                         \
        const int64_t count = LANES;                               \
        __VA_ARGS__                                                \
    } else {                                                       \
        const int64_t count = left;                                \
        __VA_ARGS__                                                \
    }

/* bfloat16 is the upper half of float; to the nearest, ties to even, and what is no number stays none. */
static inline vector_of_float widened_all(vector_of_uint16 low)
{
#ifdef __AVX512BF16__ /* GCC 12 takes the detour over memory */
    return (vector_of_float)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)low), 16);
#else
    return (vector_of_float)(__builtin_convertvector(low, vector_of_uint32) << 16);
#endif
}

static inline vector_of_uint16 narrowed_all(vector_of_float values)
{
#ifdef __AVX512BF16__ /* one instruction, which takes what is below the smallest normal number for zero */
    return (vector_of_uint16)_mm512_cvtneps_pbh((__m512)values);
#else
    const vector_of_uint32 bits = (vector_of_uint32)values, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const vector_of_uint32 none = (vector_of_uint32)(values != values);
    return __builtin_convertvector((none & 0x7fc0) | (~none & rounded), vector_of_uint16);
#endif
}

/* The same of values that were bfloat16 before, exactly: nothing is rounded, and nothing too small. */
static inline vector_of_uint16 narrowed_back(vector_of_float values)
{
    const vector_of_uint32 bits = (vector_of_uint32)values >> 16;
#ifdef __AVX512BF16__
    return (vector_of_uint16)_mm512_cvtepi32_epi16((__m512i)bits);
#else
    return __builtin_convertvector(bits, vector_of_uint16);
#endif
}

/* 1 / (1 + exp(-v)) without a call, within 2 ulp.
   exp(r) for |r| <= ln(2)/2 by its Taylor polynomial, which is exact to rounding from degree 7 on. */
static inline vector_of_float sigmoids_float(vector_of_float v)
{
    const vector_of_float limit = (vector_of_float){0} + 87.0f;
    vector_of_float z = CHOSEN(vector_of_float, -v > limit, limit, -v);
    z = CHOSEN(vector_of_float, z < -limit, -limit, z);
    const vector_of_float shifted = z * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the fraction is rounded away */
    const vector_of_float n = shifted - 12582912.0f;
    const vector_of_float r = z - n * 0.693359375f + n * 2.12194440e-4f; /* ln(2) in two parts */
    vector_of_float p = r * 1.98412698e-4f + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const vector_of_float scale = (vector_of_float)(((vector_of_uint32)shifted + 127) << 23);
    return 1.0f / (1.0f + p * scale); /* where v is no number, neither is p */
}

static inline vector_of_double sigmoids_double(vector_of_double v)
{
    for (int l = 0; l < LANES; l++) v[l] = 1.0 / (1.0 + exp(-v[l]));
    return v;
}

#define TYPE float32
#define T float
#define A float
#define I int32_t
#define VECTOR_OF_T vector_of_float
#define LANE_VALUES vector_of_float
#define LANE_PLACES vector_of_int32
#define LOAD(v) (v)
#define STORE(v) (v)
#define WIDENED(raw) (raw)
#define NARROWED(values) (values)
#define NARROWED_BACK(values) (values)
#define SIGMOIDS sigmoids_float
#define WITH_SMALL
#include "map_kernels.inc.h"

#define TYPE float64
#define T double
#define A double
#define I int64_t
#define VECTOR_OF_T vector_of_double
#define LANE_VALUES vector_of_double
#define LANE_PLACES vector_of_int64
#define LOAD(v) (v)
#define STORE(v) (v)
#define WIDENED(raw) (raw)
#define NARROWED(values) (values)
#define NARROWED_BACK(values) (values)
#define SIGMOIDS sigmoids_double
#define WITH_SMALL
#include "map_kernels.inc.h"

#define TYPE bfloat16
#define T uint16_t
#define A float
#define I int32_t
#define VECTOR_OF_T vector_of_uint16
#define LANE_VALUES vector_of_float
#define LANE_PLACES vector_of_int32
#define LOAD(v) widened(v)
#define STORE(v) narrowed(v)
#define WIDENED(raw) widened_all(raw)
#define NARROWED(values) narrowed_all(values)
#define NARROWED_BACK(values) narrowed_back(values)
#define SIGMOIDS sigmoids_float
#include "map_kernels.inc.h"
