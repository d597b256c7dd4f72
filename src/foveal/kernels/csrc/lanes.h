/* Vectors of LANES values: types, shuffles, conversions, sigmoid.

   The width of vectors and all that depends on it are chosen here, from the instruction set that the compiler is told to
   use. GCC takes vectors that are wider than those of the machine apart, lane by lane where lanes are shuffled or
   selected, so F32_LANES must not exceed the width of the machine. */

#if defined __AVX2__
#include <immintrin.h>
#endif
#include <math.h> /* INFINITY, sqrt */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* F32_LANES, F64_LANES: values in one vector of the machine.
   VECTOR_REGISTERS: values that are read again and again must fit into them. */
#if defined __AVX512BW__ && defined __AVX512DQ__ && defined __AVX512VL__
#define F32_LANES 16
#define F64_LANES 8
#define VECTOR_REGISTERS 32
#elif defined __AVX2__
#define F32_LANES 8
#define F64_LANES 4
#define VECTOR_REGISTERS 16
#else /* NEON, SSE2 */
#define F32_LANES 4
#define F64_LANES 2
#define VECTOR_REGISTERS 16
#endif
#define MAX_COLUMN_VECTORS 4 /* vectors of columns whose sums and weights stay in registers */

typedef uint8_t u8_lanes __attribute__((vector_size(F32_LANES * sizeof(uint8_t))));
typedef uint16_t u16_lanes __attribute__((vector_size(F32_LANES * sizeof(uint16_t))));
typedef uint32_t u32_lanes __attribute__((vector_size(F32_LANES * sizeof(uint32_t))));
typedef int32_t i32_lanes __attribute__((vector_size(F32_LANES * sizeof(int32_t))));
typedef float f32_lanes __attribute__((vector_size(F32_LANES * sizeof(float))));
typedef uint64_t u64_lanes __attribute__((vector_size(F64_LANES * sizeof(uint64_t))));
typedef int64_t i64_lanes __attribute__((vector_size(F64_LANES * sizeof(int64_t))));
typedef double f64_lanes __attribute__((vector_size(F64_LANES * sizeof(double))));

/* The lane numbers from 0 to LANES - 1, each after a macro is applied to it. */
#define EACH_LANE_2(f, a, b, lane) f(a, b, lane), f(a, b, (lane) + 1)
#define EACH_LANE_4(f, a, b, lane) EACH_LANE_2(f, a, b, lane), EACH_LANE_2(f, a, b, (lane) + 2)
#define EACH_LANE_8(f, a, b, lane) EACH_LANE_4(f, a, b, lane), EACH_LANE_4(f, a, b, (lane) + 4)
#define EACH_LANE_16(f, a, b, lane) EACH_LANE_8(f, a, b, lane), EACH_LANE_8(f, a, b, (lane) + 8)
#define EACH_LANE(f, a, b) CONCAT(EACH_LANE, LANES)(f, a, b, 0)

/* SWAP_LANES: a vector with its lanes swapped in pairs `distance` apart. Swaps by LANES / 2, ..., 2, 1 with an addition
   after each put the sum of all lanes into every lane.
   INTERLEAVE: from two vectors the lower (`offset` 0) or the upper (`offset` = `half`) half of each group of 2 * `half`
   lanes, alternately. */
#define SWAPPED_INDEX(distance, unused, lane) ((lane) ^ (distance))
#define HALF_INDEX(half, offset, lane) (((lane) & (half) ? LANES : 0) + ((lane) & ~(half)) + (offset))
#ifdef __clang__
#define SWAP_LANES(v, distance) __builtin_shufflevector(v, v, EACH_LANE(SWAPPED_INDEX, distance, 0))
#define INTERLEAVE(first, second, half, offset) \
    __builtin_shufflevector(first, second, EACH_LANE(HALF_INDEX, half, offset))
#else
#define SWAP_LANES(v, distance) __builtin_shuffle(v, (index_lanes_t){EACH_LANE(SWAPPED_INDEX, distance, 0)})
#define INTERLEAVE(first, second, half, offset) \
    __builtin_shuffle(first, second, (index_lanes_t){EACH_LANE(HALF_INDEX, half, offset)})
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

/* The intrinsics do what the other line says; GCC 12 would go through memory. */
static inline f32_lanes bf16_to_float_lanes(u16_lanes values)
{
#if F32_LANES == 16
    return (f32_lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)values), 16);
#elif F32_LANES == 8
    return (f32_lanes)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)values), 16);
#else
    return (f32_lanes)(__builtin_convertvector(values, u32_lanes) << 16);
#endif
}

/* The lower half of each value; the upper half must be zero. */
static inline u16_lanes narrow_lanes(u32_lanes values)
{
#if F32_LANES == 16
    return (u16_lanes)_mm512_cvtepi32_epi16((__m512i)values);
#elif F32_LANES == 8
    const __m256i bits = (__m256i)values;
    return (u16_lanes)_mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
#else
    return __builtin_convertvector(values, u16_lanes);
#endif
}

/* The lowest byte of each value; the others must be zero. */
static inline u8_lanes narrow_to_bytes(i32_lanes values)
{
#if F32_LANES == 8
    const __m128i words = (__m128i)narrow_lanes((u32_lanes)values), bytes = _mm_packus_epi16(words, words);
    u8_lanes result;
    memcpy(&result, &bytes, sizeof result);
    return result;
#else
    return __builtin_convertvector(values, u8_lanes);
#endif
}

/* Round to nearest, ties to even. NaN is preserved. */
static inline u16_lanes float_to_bf16_lanes(f32_lanes values)
{
    const u32_lanes bits = (u32_lanes)values, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const u32_lanes is_nan = (u32_lanes)(values != values);
    return narrow_lanes((is_nan & 0x7fc0) | (~is_nan & rounded));
}

/* Convert values that came from bfloat16 back, exactly: nothing is rounded. */
static inline u16_lanes truncate_to_bf16_lanes(f32_lanes values)
{
    return narrow_lanes((u32_lanes)values >> 16);
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

/* The same in double, with the polynomial up to degree 13. */
static inline f64_lanes sigmoid_f64_lanes(f64_lanes v)
{
    const f64_lanes limit = (f64_lanes){0} + 708.0;
    f64_lanes z = SELECT(f64_lanes, -v > limit, limit, -v);
    z = SELECT(f64_lanes, z < -limit, -limit, z);
    const f64_lanes shifted = z * 1.4426950408889634 + 6755399441055744.0; /* 1.5 * 2^52 */
    const f64_lanes n = shifted - 6755399441055744.0;
    const f64_lanes r = z - n * 0.693147180369123816490 - n * 1.90821492927058770002e-10;
    f64_lanes p = (f64_lanes){0} + 1.0;
    for (int degree = 13; degree > 0; degree--) p = p * r * (1.0 / degree) + 1.0;
    const f64_lanes scale = (f64_lanes)(((u64_lanes)shifted + 1023) << 52);
    return 1.0 / (1.0 + p * scale);
}
