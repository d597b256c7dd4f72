/* Loops and vector operations for one dtype, shared by all kernels.

   `images`, `rows`, `columns` are the shape of a map. Work is split over images, and over parts of each image if there
   are few images. */

#define PARALLEL_FOR_PARTS(length)                                                               \
    int64_t parts = images >= PARTS_PER_IMAGE ? 1 : PARTS_PER_IMAGE;                             \
    int64_t part_length = ((length) + parts - 1) / parts;                                        \
    part_length = (part_length + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;                      \
    _Pragma("omp parallel for num_threads(threads) schedule(static)")                            \
    for (int64_t job = 0; job < images * parts; job++)

#define PART_BOUNDS(length)                                                                      \
    int64_t n = job / parts;                                                                     \
    int64_t from = job % parts * part_length;                                                    \
    int64_t to = from + part_length < (length) ? from + part_length : (length);                  \
    if (from >= to) continue;

/* Loop over columns, from `c` on in steps of `vectors` vectors of `count` values each. The compiler knows both numbers,
   except for a last vector that is not full. Sums of several vectors do not wait for each other. */
#define FOR_COLUMN_VECTORS(first, last, ...)                                                     \
    for (int64_t c = first, step = 0; c < (last); c += step)                                     \
        if ((last) - c >= MAX_COLUMN_VECTORS * LANES) {                                          \
            enum { vectors = MAX_COLUMN_VECTORS };                                               \
            const int64_t count = LANES;                                                         \
            step = vectors * LANES;                                                              \
            __VA_ARGS__                                                                          \
        } else if ((last) - c >= MAX_COLUMN_VECTORS / 2 * LANES) {                               \
            enum { vectors = MAX_COLUMN_VECTORS / 2 };                                           \
            const int64_t count = LANES;                                                         \
            step = vectors * LANES;                                                              \
            __VA_ARGS__                                                                          \
        } else {                                                                                 \
            enum { vectors = 1 };                                                                \
            step = LANES;                                                                        \
            WITH_LANE_COUNT((last) - c, __VA_ARGS__)                                             \
        }

/* Run a statement with `length` as a constant if it is 32 or 64. Rows of channels are often that short, and with a
   constant length the values per column stay in registers from row to row. */
#define WITH_CONSTANT_LENGTH(length, ...)                                                        \
    if (length == 32) {                                                                          \
        enum { length = 32 };                                                                    \
        __VA_ARGS__                                                                              \
    } else if (length == 64) {                                                                   \
        enum { length = 64 };                                                                    \
        __VA_ARGS__                                                                              \
    } else {                                                                                     \
        __VA_ARGS__                                                                              \
    }

#define ROW(map, row) ((map) + (n * rows + (row)) * columns)
#define WEIGHT_OR_ONE(weights, index) ((weights) ? (weights)[index] : (acc_t)1)

/* Small integers of LANES lanes, and sums of LANES values in double. */
typedef int32_t i32_lanes_t __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef uint8_t u8_lanes_t __attribute__((vector_size(LANES * sizeof(uint8_t))));
typedef double double_lanes_t __attribute__((vector_size(LANES * sizeof(double))));

/* Sum, maximum and index of the maximum, per lane. */
typedef struct {
    acc_lanes_t sum, max;
    index_lanes_t argmax;
} PoolAccumulator;

/* Load LANES values of a map, or the first `count` of them followed by zeros. */
static inline acc_lanes_t NAME(load)(const scalar_t *from, int64_t count)
{
    scalar_lanes_t raw = {0};
    COPY_LANES(&raw, from, count);
    return TO_ACC_LANES(raw);
}

/* Load LANES sums or weights, or the first `count` of them followed by zeros. */
static inline acc_lanes_t NAME(load_acc)(const acc_t *from, int64_t count)
{
    acc_lanes_t values = {0};
    COPY_LANES(&values, from, count);
    return values;
}

/* The same from index `at` on, or `value` in all lanes if there are no weights. */
static inline acc_lanes_t NAME(load_acc_or)(const acc_t *from, int64_t at, int64_t count, acc_t value)
{
    return from ? NAME(load_acc)(from + at, count) : (acc_lanes_t){0} + value;
}

static inline index_lanes_t NAME(load_indices)(const int32_t *from, int64_t count)
{
    i32_lanes_t indices = {0};
    COPY_LANES(&indices, from, count);
    return __builtin_convertvector(indices, index_lanes_t);
}

static inline void NAME(store)(scalar_t *to, acc_lanes_t values, int64_t count)
{
    const scalar_lanes_t raw = FROM_ACC_LANES(values);
    COPY_LANES(to, (const scalar_t *)&raw, count);
}

static inline acc_t NAME(sum_lanes)(acc_lanes_t sum)
{
#if LANES >= 16
    sum += SWAP_LANES(sum, 8);
#endif
#if LANES >= 8
    sum += SWAP_LANES(sum, 4);
#endif
#if LANES >= 4
    sum += SWAP_LANES(sum, 2);
#endif
    sum += SWAP_LANES(sum, 1);
    return sum[0];
}

/* The sums of LANES vectors, one per lane, each in the order of `sum_lanes`. Overwrites `vectors`. */
static inline acc_lanes_t NAME(sum_lanes_of_each)(acc_lanes_t *vectors)
{
#define FOLD(half)                                                                               \
    for (int k = 0; k < half; k++)                                                               \
        vectors[k] =                                                                             \
            INTERLEAVE(vectors[k], vectors[k + half], half, 0) + INTERLEAVE(vectors[k], vectors[k + half], half, half);
#if LANES >= 16
    FOLD(8)
#endif
#if LANES >= 8
    FOLD(4)
#endif
#if LANES >= 4
    FOLD(2)
#endif
    FOLD(1)
#undef FOLD
    return vectors[0];
}

/* The maximum over the lanes of each of LANES vectors, one per lane, and the first index among equal ones. Overwrites
   both arrays. */
static inline PoolAccumulator NAME(reduce_argmax)(acc_lanes_t *max, index_lanes_t *argmax)
{
#define FOLD(half)                                                                               \
    for (int k = 0; k < half; k++) {                                                             \
        const acc_lanes_t left = INTERLEAVE(max[k], max[k + half], half, 0);                     \
        const acc_lanes_t right = INTERLEAVE(max[k], max[k + half], half, half);                 \
        const index_lanes_t left_index = INTERLEAVE(argmax[k], argmax[k + half], half, 0);       \
        const index_lanes_t right_index = INTERLEAVE(argmax[k], argmax[k + half], half, half);   \
        const index_lanes_t is_better =                                                          \
            (right > left) | ((right == left) & (right_index < left_index));                     \
        max[k] = SELECT(acc_lanes_t, is_better, right, left);                                    \
        argmax[k] = SELECT(index_lanes_t, is_better, right_index, left_index);                   \
    }
#if LANES >= 16
    FOLD(8)
#endif
#if LANES >= 8
    FOLD(4)
#endif
#if LANES >= 4
    FOLD(2)
#endif
    FOLD(1)
#undef FOLD
    return (PoolAccumulator){(acc_lanes_t){0}, max[0], argmax[0]};
}

static inline PoolAccumulator NAME(empty_pool)(void)
{
    return (PoolAccumulator){(acc_lanes_t){0}, (acc_lanes_t){0} - INFINITY, (index_lanes_t){0}};
}

/* Add values to a pool. NaN shows in the sum only. */
static inline void NAME(accumulate)(PoolAccumulator *pool, acc_lanes_t values, index_lanes_t indices)
{
    const index_lanes_t is_better = values > pool->max;
    pool->sum += values;
    pool->max = SELECT(acc_lanes_t, is_better, values, pool->max);
    pool->argmax = SELECT(index_lanes_t, is_better, indices, pool->argmax);
}

/* Add the last values of a row, fewer than LANES. Lanes after the `end` of the row stay unchanged. */
static inline void NAME(accumulate_tail)(
    PoolAccumulator *pool, const scalar_t *row, const acc_t *weights, acc_t row_weight, index_lanes_t indices,
    index_t end)
{
    const int64_t count = end - indices[0];
    acc_lanes_t values = NAME(load)(row, count);
    if (weights) values *= NAME(load_acc)(weights, count);
    const index_lanes_t is_after_end = indices >= end;
    const acc_lanes_t sum_before = pool->sum;
    NAME(accumulate)(
        pool, SELECT(acc_lanes_t, is_after_end, (acc_lanes_t){0} - INFINITY, values * row_weight), indices);
    pool->sum = SELECT(acc_lanes_t, is_after_end, sum_before, pool->sum);
}

/* The maximum of `count` values that are `step` apart, and its first index. The first NaN counts as the maximum. */
static void NAME(find_max_or_nan)(
    const scalar_t *x, int64_t step, int64_t count, const acc_t *weights, acc_t weight, acc_t *max, index_t *argmax)
{
    *max = -INFINITY;
    *argmax = 0;
    for (int64_t at = 0; at < count; at++) {
        const acc_t v = TO_ACC(x[at * step]) * WEIGHT_OR_ONE(weights, at) * weight;
        if (v > *max || v != v) {
            *max = v;
            *argmax = (index_t)at;
            if (v != v) return;
        }
    }
}
