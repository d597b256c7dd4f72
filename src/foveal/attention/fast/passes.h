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
    COPY_LANES(&raw, from, count);
    return WIDENED(raw);
}

static inline LANE_VALUES NAME(weights)(const A *from, int64_t count)
{
    LANE_VALUES weights = {0};
    COPY_LANES(&weights, from, count);
    return weights;
}

static inline void NAME(store)(T *to, LANE_VALUES values, int64_t count)
{
    const VECTOR_OF_T raw = NARROWED(values);
    COPY_LANES(to, (const T *)&raw, count);
}

static inline A NAME(total)(LANE_VALUES sum)
{
    sum += EXCHANGE(sum, 8);
    sum += EXCHANGE(sum, 4);
    sum += EXCHANGE(sum, 2);
    sum += EXCHANGE(sum, 1);
    return sum[0];
}

static inline LANE_VALUES NAME(greater)(LANE_VALUES one, LANE_VALUES other)
{
    return CHOSEN(LANE_VALUES, one > other, one, other);
}

static inline LANE_PLACES NAME(earlier)(LANE_PLACES one, LANE_PLACES other)
{
    return CHOSEN(LANE_PLACES, one < other, one, other);
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
    running->most = CHOSEN(LANE_VALUES, better, values, running->most);
    running->where = CHOSEN(LANE_PLACES, better, at, running->where);
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
            LANE_VALUES all = running.most;
            all = NAME(greater)(all, EXCHANGE(all, 8));
            all = NAME(greater)(all, EXCHANGE(all, 4));
            all = NAME(greater)(all, EXCHANGE(all, 2));
            all = NAME(greater)(all, EXCHANGE(all, 1));
            const LANE_PLACES none = (LANE_PLACES){0} + (I)INT32_MAX;
            LANE_PLACES found = CHOSEN(LANE_PLACES, running.most == all, running.where, none);
            found = NAME(earlier)(found, EXCHANGE(found, 8));
            found = NAME(earlier)(found, EXCHANGE(found, 4));
            found = NAME(earlier)(found, EXCHANGE(found, 2));
            found = NAME(earlier)(found, EXCHANGE(found, 1));
            A sum = NAME(total)(running.sum), most = all[0];
            I first = found[0];
            for (; i < inner; i++) {
                const A v = LOAD(row[i]) * WEIGHT(weights, i) * own;
                sum += v;
                if (v > most) most = v, first = (I)i;
            }
            mean[n * outer + o] = sum / (A)inner;
            if (!greatest) continue;
            if (sum != sum) NAME(search)(row, 1, inner, weights, own, &most, &first);
            greatest[n * outer + o] = most;
            place[n * outer + o] = (int32_t)first;
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

/* What the greatest of each position, pooled from a map weighed by channel, hands on of its gradient: to the
   map, `peak` (images, positions), and to the weights, added to `sums` (images, channels). */
void NAME(peaks)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, int channels_inside,
    const A *by_channel, const int32_t *place, const A *given, A *peak, A *sums)
{
    const int64_t channels = channels_inside ? inner : outer, positions = channels_inside ? outer : inner;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++)
        for (int64_t p = 0; p < positions; p++) {
            const int64_t at = n * positions + p, c = place[at];
            const A value = LOAD(x[n * outer * inner + (channels_inside ? p * inner + c : c * inner + p)]);
            peak[at] = given[at] * by_channel[n * channels + c];
            sums[n * channels + c] += given[at] * value;
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

/* For each of `ranks` vectors the sum along each row of x times it: (images, ranks, outer). The vectors are
   those of each image, or the same for all where `of_images` is 0. */
void NAME(project_rows)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, int64_t ranks, const A *vectors,
    int of_images, A *sums)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *of = vectors + (of_images ? n * ranks * inner : 0);
        for (int64_t o = from; o < to; o++)
            for (int64_t rank = 0; rank < ranks; rank += PAIR) {
                const int64_t other = rank + 1 < ranks ? inner : 0;
                LANE_VALUES sum[PAIR] = {0};
                for (int64_t i = 0; i < inner; i += LANES) {
                    const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + i, inner - i);
                    sum[0] += values * NAME(weights)(of + rank * inner + i, inner - i);
                    sum[1] += values * NAME(weights)(of + rank * inner + other + i, inner - i);
                }
                A *to_rank = sums + (n * ranks + rank) * outer + o;
                to_rank[0] = NAME(total)(sum[0]);
                if (other) to_rank[outer] = NAME(total)(sum[1]);
            }
    }
}

/* The same down each column: (images, ranks, inner). */
void NAME(project_columns)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, int64_t ranks, const A *vectors,
    int of_images, A *sums)
{
    FOR_PARTS(inner) {
        PART(inner)
        const A *of = vectors + (of_images ? n * ranks * outer : 0);
        for (int64_t start = from; start < to; start += LANES) {
            const int64_t count = to - start < LANES ? to - start : LANES;
            for (int64_t rank = 0; rank < ranks; rank += PAIR) {
                const A *one = of + rank * outer, *other = rank + 1 < ranks ? one + outer : one;
                LANE_VALUES total[PAIR] = {0};
                for (int64_t group = 0; group < outer; group += GROUP) {
                    const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                    LANE_VALUES sum[PAIR] = {0};
                    for (int64_t o = group; o < end; o++) {
                        const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + start, count);
                        sum[0] += values * one[o];
                        sum[1] += values * other[o];
                    }
                    for (int k = 0; k < PAIR; k++) total[k] += sum[k];
                }
                A *to_rank = sums + (n * ranks + rank) * inner + start;
                memcpy(to_rank, &total[0], (size_t)count * sizeof(A));
                if (other != one) memcpy(to_rank + inner, &total[1], (size_t)count * sizeof(A));
            }
        }
    }
}

/* sigmoid(rows + columns) of sixteen columns where `how` is SUM, of their product where it is PRODUCT; where it
   is FACTORS, they are exp(-rows) and exp(-columns), and it is that of the sum, far sooner. */
static inline LANE_VALUES NAME(gates)(A own, LANE_VALUES columns, int how)
{
    if (how == FACTORS) return 1 / (1 + columns * own);
    return SIGMOIDS(how == PRODUCT ? columns * own : columns + own);
}

/* y = x + x * sigmoid(.), see `gates`. */
void NAME(joint)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    int how, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        for (int64_t o = from; o < to; o++)
            for (int64_t i = 0; i < inner; i += LANES) {
                const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + i, inner - i);
                const LANE_VALUES others = NAME(weights)(columns + n * inner + i, inner - i);
                const LANE_VALUES s = NAME(gates)(rows[n * outer + o], others, how);
                NAME(store)(ROW_OF(y, o) + i, values + values * s, inner - i);
            }
    }
}

/* With h = g * x * sigmoid'(.), the sums of h (times the other logit for PRODUCT) over each row and each
   column: the gradients of the logits. One part an image: columns are sums of rows. */
void NAME(joint_dots)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *columns, int how, A *row_sums, A *column_sums)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        A *down = column_sums + n * inner;
        memset(down, 0, (size_t)inner * sizeof(A));
        for (int64_t o = 0; o < outer; o++) {
            const A own = rows[n * outer + o];
            LANE_VALUES across = {0};
            for (int64_t i = 0; i < inner; i += LANES) {
                const int64_t count = inner - i < LANES ? inner - i : LANES;
                const LANE_VALUES others = NAME(weights)(columns + n * inner + i, count);
                const LANE_VALUES s = NAME(gates)(own, others, how);
                const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + i, count);
                const LANE_VALUES h = NAME(load)(ROW_OF(g, o) + i, count) * values * (s - s * s);
                across += how == PRODUCT ? h * others : h;
                const LANE_VALUES below = NAME(weights)(down + i, count) + (how == PRODUCT ? h * own : h);
                memcpy(down + i, &below, (size_t)count * sizeof(A));
            }
            row_sums[n * outer + o] = NAME(total)(across);
        }
    }
}

/* y = g * (1 + sigmoid(.)) + row_shift + column_shift + sum over k of left[k] * right[k], one value a row and one
   a column; of these, one is the same for all images (`left_images` or `right_images` is 0). */
void NAME(joint_spread)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const A *rows, const A *columns,
    int how, const A *row_shift, const A *column_shift, int64_t ranks, const A *left, int left_images,
    const A *right, int right_images, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *left_of = left + (left_images ? n * ranks * outer : 0);
        const A *right_of = right + (right_images ? n * ranks * inner : 0);
        for (int64_t o = from; o < to; o++)
            for (int64_t i = 0; i < inner; i += LANES) {
                const int64_t count = inner - i < LANES ? inner - i : LANES;
                const LANE_VALUES given = NAME(load)(ROW_OF(g, o) + i, count);
                const LANE_VALUES others = NAME(weights)(columns + n * inner + i, count);
                LANE_VALUES sum = given + given * NAME(gates)(rows[n * outer + o], others, how);
                if (row_shift) sum += row_shift[n * outer + o];
                if (column_shift) sum += NAME(weights)(column_shift + n * inner + i, count);
                for (int64_t k = 0; k < ranks; k++)
                    sum += left_of[k * outer + o] * NAME(weights)(right_of + k * inner + i, count);
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
