/* Vectors of LANES values, whatever the width of the machine's own vectors: shuffles, conversions, sigmoid. */

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16 /* partial results of a reduction along a row: independent, so they are computed at once */

typedef uint8_t u8_lanes __attribute__((vector_size(LANES * sizeof(uint8_t))));
typedef uint16_t u16_lanes __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t u32_lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef int32_t i32_lanes __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef int64_t i64_lanes __attribute__((vector_size(LANES * sizeof(int64_t))));
typedef float f32_lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef double f64_lanes __attribute__((vector_size(LANES * sizeof(double))));

/* SWAP_LANES: a vector with its lanes swapped in pairs `distance` apart. Four swaps (8, 4, 2, 1) with an addition after
   each put the sum of all lanes into every lane.
   INTERLEAVE: from two vectors the lower (`offset` 0) or the upper (`offset` = `half`) half of each group of 2 * `half`
   lanes, alternately. */
#define SWAPPED_INDICES(d) \
    0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d, 4 ^ d, 5 ^ d, 6 ^ d, 7 ^ d, 8 ^ d, 9 ^ d, 10 ^ d, 11 ^ d, 12 ^ d, 13 ^ d, 14 ^ d, 15 ^ d
#define HALF_INDEX(lane, half, offset) (((lane) & (half) ? LANES : 0) + ((lane) & ~(half)) + (offset))
#define FOUR_HALF_INDICES(half, offset, lane)                                                                     \
    HALF_INDEX(lane, half, offset), HALF_INDEX(lane + 1, half, offset), HALF_INDEX(lane + 2, half, offset),       \
        HALF_INDEX(lane + 3, half, offset)
#define HALF_INDICES(half, offset)                                                                                \
    FOUR_HALF_INDICES(half, offset, 0), FOUR_HALF_INDICES(half, offset, 4), FOUR_HALF_INDICES(half, offset, 8),   \
        FOUR_HALF_INDICES(half, offset, 12)
#ifdef __clang__
#define SWAP_LANES(v, distance) __builtin_shufflevector(v, v, SWAPPED_INDICES(distance))
#define INTERLEAVE(first, second, half, offset) __builtin_shufflevector(first, second, HALF_INDICES(half, offset))
#else
#define SWAP_LANES(v, distance) __builtin_shuffle(v, (index_lanes_t){SWAPPED_INDICES(distance)})
#define INTERLEAVE(first, second, half, offset) \
    __builtin_shuffle(first, second, (index_lanes_t){HALF_INDICES(half, offset)})
#endif

/* One of two values per lane; `condition` is the result of a comparison of vectors. */
#define SELECT(type, condition, yes, no) \
    ((type)(((condition) & (__typeof__(condition))(yes)) | (~(condition) & (__typeof__(condition))(no))))

/* Copy LANES values, or the first `count`. The former is a single move. */
#define COPY_LANES(to, from, count)                                \
    if ((count) >= LANES)                                          \
        memcpy(to, from, LANES * sizeof *(from));                  \
    else                                                           \
        memcpy(to, from, (size_t)(count) * sizeof *(from))

/* Run a statement with `count` set to LANES, or to the number of remaining values if that is smaller. Because the
   compiler knows the first count, values move from memory into lanes directly. */
#define WITH_LANE_COUNT(remaining, ...)                            \
    if ((remaining) >= LANES) {                                    \
        const int64_t count = LANES;                               \
        __VA_ARGS__                                                \
    } else {                                                       \
        const int64_t count = remaining;                           \
        __VA_ARGS__                                                \
    }

/* bfloat16 is the upper half of a float. */
static inline float bf16_to_float(uint16_t value) {
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Round to nearest, ties to even. NaN is preserved. */
static inline uint16_t float_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)(value != value ? 0x7fc0 : rounded);
}

static inline f32_lanes bf16_to_float_lanes(u16_lanes values)
{
#ifdef __AVX512BF16__ /* GCC 12 would go through memory */
    return (f32_lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)values), 16);
#else
    return (f32_lanes)(__builtin_convertvector(values, u32_lanes) << 16);
#endif
}

/* Round to nearest, ties to even. NaN is preserved. */
static inline u16_lanes float_to_bf16_lanes(f32_lanes values)
{
#ifdef __AVX512BF16__ /* one instruction, which flushes subnormal numbers to zero */
    return (u16_lanes)_mm512_cvtneps_pbh((__m512)values);
#else
    const u32_lanes bits = (u32_lanes)values, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const u32_lanes is_nan = (u32_lanes)(values != values);
    return __builtin_convertvector((is_nan & 0x7fc0) | (~is_nan & rounded), u16_lanes);
#endif
}

/* Convert values that came from bfloat16 back, exactly: nothing is rounded and subnormal numbers are kept. */
static inline u16_lanes truncate_to_bf16_lanes(f32_lanes values)
{
    const u32_lanes bits = (u32_lanes)values >> 16;
#ifdef __AVX512BF16__
    return (u16_lanes)_mm512_cvtepi32_epi16((__m512i)bits);
#else
    return __builtin_convertvector(bits, u16_lanes);
#endif
}

/* 1 / (1 + exp(-v)) without a function call, within 2 ulp.
   exp(r) for |r| <= ln(2)/2 by its Taylor polynomial, which is exact up to rounding from degree 7 on. */
static inline f32_lanes sigmoid_f32_lanes(f32_lanes v)
{
    const f32_lanes limit = (f32_lanes){0} + 87.0f;
    f32_lanes z = SELECT(f32_lanes, -v > limit, limit, -v);
    z = SELECT(f32_lanes, z < -limit, -limit, z);
    const f32_lanes shifted = z * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the fraction is rounded away */
    const f32_lanes n = shifted - 12582912.0f;
    const f32_lanes r = z - n * 0.693359375f + n * 2.12194440e-4f; /* ln(2) in two parts */
    f32_lanes p = r * 1.98412698e-4f + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const f32_lanes scale = (f32_lanes)(((u32_lanes)shifted + 127) << 23);
    return 1.0f / (1.0f + p * scale); /* if v is NaN, so is p */
}

static inline f64_lanes sigmoid_f64_lanes(f64_lanes v)
{
    for (int l = 0; l < LANES; l++) v[l] = 1.0 / (1.0 + exp(-v[l]));
    return v;
}
