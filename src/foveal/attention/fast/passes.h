/* The passes for maps of type T with sums of type A. Included once a type by gates.c, which says what is what.

   `images`, `outer`, `inner` are the shape; work is split over images, and within each over parts. */

#define FOR_PARTS(length)                                                                        \
    int64_t parts = images >= SPLIT ? 1 : SPLIT;                                                 \
    int64_t share = ((length) + parts - 1) / parts;                                              \
    share = (share + BLOCK - 1) / BLOCK * BLOCK;                                                 \
    _Pragma("omp parallel for num_threads(threads) schedule(static)")                            \
    for (int64_t job = 0; job < images * parts; job++)

#define PART(length)                                                                             \
    int64_t n = job / parts;                                                                     \
    int64_t from = job % parts * share;                                                          \
    int64_t to = from + share < (length) ? from + share : (length);                              \
    if (from >= to) continue;

#define ROW_OF(map, o) ((map) + (n * outer + (o)) * inner)
#define WEIGHT(of, at) ((of) ? (of)[at] : (A)1)

typedef struct {
    LANE_VALUES sum, most;
    LANE_PLACES where;
} RUNNING;

/* Sixteen values, or the first `count` of them and zeros. */
static inline LANE_VALUES NAME(load)(const T *from, int64_t count)
{
    VECTOR_OF_T raw = {0};
    if (count >= LANES)
        memcpy(&raw, from, sizeof raw);
    else
        memcpy(&raw, from, (size_t)count * sizeof(T));
    return WIDENED(raw);
}

static inline LANE_VALUES NAME(weights)(const A *from, int64_t count)
{
    LANE_VALUES weights = {0};
    if (count >= LANES)
        memcpy(&weights, from, sizeof weights);
    else
        memcpy(&weights, from, (size_t)count * sizeof(A));
    return weights;
}

static inline void NAME(store)(T *to, LANE_VALUES values, int64_t count)
{
    const VECTOR_OF_T raw = NARROWED(values);
    if (count >= LANES)
        memcpy(to, &raw, sizeof raw);
    else
        memcpy(to, &raw, (size_t)count * sizeof(T));
}

static inline A NAME(total)(LANE_VALUES values)
{
    A sum[LANES];
    memcpy(sum, &values, sizeof sum);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

static inline RUNNING NAME(nothing)(void)
{
    return (RUNNING){(LANE_VALUES){0}, (LANE_VALUES){0} - INFINITY, (LANE_PLACES){0}};
}

/* Take in values; one that is no number shows in the sum alone. */
static inline void NAME(take)(RUNNING *running, LANE_VALUES values, LANE_PLACES at)
{
    const LANE_PLACES better = values > running->most;
    running->sum += values;
    running->most = (LANE_VALUES)((better & (LANE_PLACES)values) | (~better & (LANE_PLACES)running->most));
    running->where = (better & at) | (~better & running->where);
}

/* The greatest of `count` values `step` apart and its first place; the first that is no number is greatest. */
static void NAME(search)(
    const T *x, int64_t step, int64_t count, const A *weights, A own, A *best, I *first)
{
    *best = -INFINITY;
    *first = 0;
    for (int64_t at = 0; at < count; at++) {
        const A v = LOAD(x[at * step]) * WEIGHT(weights, at) * own;
        if (v > *best || v != v) {
            *best = v;
            *first = (I)at;
            if (v != v) return;
        }
    }
}

/* Mean and greatest of each row of x * rows * columns, and the first place of the greatest: (images, outer). */
void NAME(reduce_rows)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    A *mean, A *greatest, int32_t *place)
{
    LANE_PLACES lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL;
        for (int64_t o = from; o < to; o++) {
            const T *row = ROW_OF(x, o);
            const A own = WEIGHT(rows, n * outer + o);
            RUNNING running = NAME(nothing)();
            int64_t i = 0;
            if (weights)
                for (; i + LANES <= inner; i += LANES)
                    NAME(take)(&running, NAME(load)(row + i, LANES) * NAME(weights)(weights + i, LANES) * own, lane + (I)i);
            else
                for (; i + LANES <= inner; i += LANES)
                    NAME(take)(&running, NAME(load)(row + i, LANES) * own, lane + (I)i);
            A sum = NAME(total)(running.sum), most[LANES];
            I first[LANES];
            memcpy(most, &running.most, sizeof most);
            for (int half = LANES / 2; half > 0; half /= 2)
                for (int l = 0; l < half; l++) most[l] = most[l] > most[l + half] ? most[l] : most[l + half];
            const LANE_PLACES equal = running.most == most[0];
            const LANE_PLACES found = (equal & running.where) | (~equal & (I)INT32_MAX);
            memcpy(first, &found, sizeof first);
            for (int half = LANES / 2; half > 0; half /= 2)
                for (int l = 0; l < half; l++)
                    first[l] = first[l] < first[l + half] ? first[l] : first[l + half];
            for (; i < inner; i++) {
                const A v = LOAD(row[i]) * WEIGHT(weights, i) * own;
                sum += v;
                if (v > most[0]) most[0] = v, first[0] = (I)i;
            }
            mean[n * outer + o] = sum / (A)inner;
            if (!greatest) continue;
            if (sum != sum) NAME(search)(row, 1, inner, weights, own, most, first);
            greatest[n * outer + o] = most[0];
            place[n * outer + o] = (int32_t)first[0];
        }
    }
}

/* The same of each column: (images, inner). */
void NAME(reduce_columns)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    A *mean, A *greatest, int32_t *place)
{
    FOR_PARTS(inner) {
        PART(inner)
        const A *own = rows ? rows + n * outer : NULL;
        for (int64_t start = from; start < to; start += LANES) {
            const int64_t count = to - start < LANES ? to - start : LANES;
            const LANE_VALUES weights =
                columns ? NAME(weights)(columns + n * inner + start, count) : (LANE_VALUES){0} + 1;
            LANE_VALUES total = {0};
            RUNNING running = NAME(nothing)();
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                for (int64_t o = group; o < end; o++) {
                    const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + start, count) * weights;
                    NAME(take)(&running, values * WEIGHT(own, o), (LANE_PLACES){0} + (I)o);
                }
                total += running.sum;
                running.sum = (LANE_VALUES){0};
            }
            for (int64_t k = 0; k < count; k++) {
                const int64_t at = n * inner + start + k;
                mean[at] = total[k] / (A)outer;
                if (!greatest) continue;
                A most = running.most[k];
                I first = running.where[k];
                if (total[k] != total[k])
                    NAME(search)(ROW_OF(x, 0) + start + k, inner, outer, own, weights[k], &most, &first);
                greatest[at] = most;
                place[at] = (int32_t)first;
            }
        }
    }
}

/* y = x * rows * columns; the product with columns is taken first where `columns_first`. */
void NAME(scale)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    int columns_first, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL;
        for (int64_t o = from; o < to; o++) {
            const T *row = ROW_OF(x, o);
            T *out = ROW_OF(y, o);
            const A own = WEIGHT(rows, n * outer + o);
            if (!weights)
                for (int64_t i = 0; i < inner; i++) out[i] = STORE(LOAD(row[i]) * own);
            else if (columns_first)
                for (int64_t i = 0; i < inner; i++) out[i] = STORE(LOAD(row[i]) * weights[i] * own);
            else
                for (int64_t i = 0; i < inner; i++) out[i] = STORE(LOAD(row[i]) * own * weights[i]);
        }
    }
}

/* Sum over each row of g * x * columns + shift * x, `shift` one value a column: (images, outer). */
void NAME(dot_rows)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *columns,
    const A *shift, A *sums)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL, *shifts = shift ? shift + n * inner : NULL;
        for (int64_t o = from; o < to; o++) {
            const T *row = ROW_OF(x, o), *given = ROW_OF(g, o);
            A sum[LANES];
            for (int l = 0; l < LANES; l++) sum[l] = 0;
            int64_t i = 0;
#define STEP(l, weight, more) sum[l] += LOAD(row[i + l]) * (LOAD(given[i + l]) * (weight) + (more));
#define STEPS(weight, more)                                                                      \
    for (; i + LANES <= inner; i += LANES)                                                       \
        for (int l = 0; l < LANES; l++) STEP(l, weight, more)
            if (weights && shifts) STEPS(weights[i + l], shifts[i + l])
            else if (weights) STEPS(weights[i + l], 0)
            else if (shifts) STEPS(1, shifts[i + l])
            else STEPS(1, 0)
            for (int l = 0; i + l < inner; l++) STEP(l, WEIGHT(weights, i + l), shifts ? shifts[i + l] : 0)
#undef STEPS
#undef STEP
            A total = 0;
            for (int l = 0; l < LANES; l++) total += sum[l];
            sums[n * outer + o] = total;
        }
    }
}

/* Sum over each column of g * x * rows + shift * x, `shift` one value a row: (images, inner). */
void NAME(dot_columns)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *shift, A *sums)
{
    FOR_PARTS(inner) {
        PART(inner)
        for (int64_t start = from; start < to; start += LANES) {
            const int64_t count = to - start < LANES ? to - start : LANES;
            LANE_VALUES total = {0};
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                LANE_VALUES sum = {0};
                for (int64_t o = group; o < end; o++) {
                    const A own = WEIGHT(rows, n * outer + o), more = shift ? shift[n * outer + o] : 0;
                    const LANE_VALUES given = NAME(load)(ROW_OF(g, o) + start, count) * own + more;
                    sum += NAME(load)(ROW_OF(x, o) + start, count) * given;
                }
                total += sum;
            }
            memcpy(sums + n * inner + start, &total, (size_t)count * sizeof(A));
        }
    }
}

/* The gradient of a map behind its two weights and its two means: y = (g * rows + row_shift) * columns +
   column_shift where `columns_last`, else (g * columns + column_shift) * rows + row_shift. What goes to single
   places, the greatest of each row (`row_peak` at `row_place`) and of each column, is added at the end. */
void NAME(spread)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const A *rows, const A *columns,
    const A *row_shift, const A *column_shift, int columns_last, const A *row_peak, const int32_t *row_place,
    const A *column_peak, const int32_t *column_place, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL;
        const A *shifts = column_shift ? column_shift + n * inner : NULL;
        for (int64_t o = from; o < to; o++) {
            const T *given = ROW_OF(g, o);
            T *out = ROW_OF(y, o);
            const A own = WEIGHT(rows, n * outer + o), more = row_shift ? row_shift[n * outer + o] : 0;
            if (!weights && !shifts)
                for (int64_t i = 0; i < inner; i++) out[i] = STORE(LOAD(given[i]) * own + more);
            else if (!weights)
                for (int64_t i = 0; i < inner; i++) out[i] = STORE(LOAD(given[i]) * own + more + shifts[i]);
            else if (!shifts)
                for (int64_t i = 0; i < inner; i++)
                    out[i] = STORE(
                        columns_last ? (LOAD(given[i]) * own + more) * weights[i]
                                     : LOAD(given[i]) * weights[i] * own + more);
            else if (columns_last)
                for (int64_t i = 0; i < inner; i++)
                    out[i] = STORE((LOAD(given[i]) * own + more) * weights[i] + shifts[i]);
            else
                for (int64_t i = 0; i < inner; i++)
                    out[i] = STORE((LOAD(given[i]) * weights[i] + shifts[i]) * own + more);
            if (row_peak) {
                T *at = out + row_place[n * outer + o];
                *at = STORE(LOAD(*at) + row_peak[n * outer + o]);
            }
        }
        if (column_peak)
            for (int64_t i = 0; i < inner; i++) {
                const int64_t o = column_place[n * inner + i];
                if (o < from || o >= to) continue;
                T *at = ROW_OF(y, o) + i;
                *at = STORE(LOAD(*at) + column_peak[n * inner + i]);
            }
    }
}

/* sigmoid(rows + columns), or of their product, of sixteen columns. */
static inline LANE_VALUES NAME(gates)(A own, LANE_VALUES columns, int product)
{
    return SIGMOIDS(product ? columns * own : columns + own);
}

/* y = x + x * sigmoid(rows + columns), or of their product where `product`. */
void NAME(joint)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    int product, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        for (int64_t o = from; o < to; o++)
            for (int64_t i = 0; i < inner; i += LANES) {
                const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + i, inner - i);
                const LANE_VALUES others = NAME(weights)(columns + n * inner + i, inner - i);
                const LANE_VALUES s = NAME(gates)(rows[n * outer + o], others, product);
                NAME(store)(ROW_OF(y, o) + i, values + values * s, inner - i);
            }
    }
}

/* With h = g * x * sigmoid'(.), the sums of h (times the other logit where `product`) over each row and each
   column: the gradients of the logits. Rows are summed a group of columns at a time. */
void NAME(joint_dots)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *columns, int product, A *row_sums, A *column_sums)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        A *across = row_sums + n * outer;
        for (int64_t start = 0; start < inner; start += LANES) {
            const int64_t count = inner - start < LANES ? inner - start : LANES;
            const LANE_VALUES others = NAME(weights)(columns + n * inner + start, count);
            LANE_VALUES down = {0};
            for (int64_t o = 0; o < outer; o++) {
                const A own = rows[n * outer + o];
                const LANE_VALUES s = NAME(gates)(own, others, product);
                const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + start, count);
                const LANE_VALUES h = NAME(load)(ROW_OF(g, o) + start, count) * values * s * (1 - s);
                down += product ? h * own : h;
                across[o] = (start ? across[o] : 0) + NAME(total)(product ? h * others : h);
            }
            memcpy(column_sums + n * inner + start, &down, (size_t)count * sizeof(A));
        }
    }
}

/* y = g * (1 + sigmoid(.)) + row_shift + column_shift + sum over k of left[k] * right[k], one value a row and one
   a column; of these, one is the same for all images (`left_images` or `right_images` is 0). */
void NAME(joint_spread)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const A *rows, const A *columns,
    int product, const A *row_shift, const A *column_shift, int64_t ranks, const A *left, int left_images,
    const A *right, int right_images, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *own = left + (left_images ? n * ranks * outer : 0);
        const A *others = right + (right_images ? n * ranks * inner : 0);
        for (int64_t o = from; o < to; o++)
            for (int64_t i = 0; i < inner; i += LANES) {
                const int64_t count = inner - i < LANES ? inner - i : LANES;
                const LANE_VALUES given = NAME(load)(ROW_OF(g, o) + i, count);
                const LANE_VALUES logits = NAME(weights)(columns + n * inner + i, count);
                LANE_VALUES sum = given + given * NAME(gates)(rows[n * outer + o], logits, product);
                if (row_shift) sum += row_shift[n * outer + o];
                if (column_shift) sum += NAME(weights)(column_shift + n * inner + i, count);
                for (int64_t k = 0; k < ranks; k++)
                    sum += own[k * outer + o] * NAME(weights)(others + k * inner + i, count);
                NAME(store)(ROW_OF(y, o) + i, sum, count);
            }
    }
}

#ifdef WITH_PLANES
#include "planes.h"
#undef WITH_PLANES
#endif

#undef FOR_PARTS
#undef PART
#undef ROW_OF
#undef WEIGHT
#undef TYPE
#undef T
#undef A
#undef LOAD
#undef STORE
#undef SIGMOIDS
#undef NARROWED
#undef I
#undef VECTOR_OF_T
#undef WIDENED
#undef LANE_VALUES
#undef LANE_PLACES
