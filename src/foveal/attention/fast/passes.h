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

/* Mean and greatest of each row of x * rows * columns, and the first place of the greatest: (images, outer). */
void NAME(reduce_rows)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    A *mean, A *greatest, int32_t *place)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL;
        for (int64_t o = from; o < to; o++) {
            const T *row = ROW_OF(x, o);
            const A own = WEIGHT(rows, n * outer + o);
            A sum[LANES], most[LANES];
            int32_t where[LANES];
            for (int l = 0; l < LANES; l++) sum[l] = 0, most[l] = -INFINITY, where[l] = 0;
            int64_t i = 0;
#define STEP(l, weight)                                                                          \
    A v = LOAD(row[i + l]) * (weight) * own;                                                     \
    int better = (v > most[l]) | (v != v);                                                       \
    sum[l] += v;                                                                                 \
    most[l] = better ? v : most[l];                                                              \
    where[l] = better ? (int32_t)(i + l) : where[l];
            if (weights)
                for (; i + LANES <= inner; i += LANES)
                    for (int l = 0; l < LANES; l++) { STEP(l, weights[i + l]) }
            else
                for (; i + LANES <= inner; i += LANES)
                    for (int l = 0; l < LANES; l++) { STEP(l, 1) }
            for (int l = 0; i + l < inner; l++) { STEP(l, WEIGHT(weights, i + l)) }
#undef STEP
            A total = 0, best = -INFINITY;
            int64_t first = inner;
            for (int l = 0; l < LANES; l++) {
                total += sum[l];
                if (l >= inner) continue; /* a lane that has seen nothing */
                int nan = most[l] != most[l], had = best != best;
                if ((nan && !had) || (!had && most[l] > best) ||
                    ((nan == had) && (nan || most[l] == best) && where[l] < first)) {
                    best = most[l];
                    first = where[l];
                }
            }
            mean[n * outer + o] = total / (A)inner;
            if (greatest) {
                greatest[n * outer + o] = best;
                place[n * outer + o] = (int32_t)first;
            }
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
        for (int64_t start = from; start < to; start += BLOCK) {
            const int64_t width = to - start < BLOCK ? to - start : BLOCK;
            A total[BLOCK], sum[BLOCK], most[BLOCK], weights[BLOCK];
            int32_t where[BLOCK];
            for (int64_t k = 0; k < width; k++) {
                total[k] = 0, sum[k] = 0, most[k] = -INFINITY, where[k] = 0;
                weights[k] = WEIGHT(columns, n * inner + start + k);
            }
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                for (int64_t o = group; o < end; o++) {
                    const T *row = ROW_OF(x, o) + start;
                    const A own = WEIGHT(rows, n * outer + o);
                    for (int64_t k = 0; k < width; k++) {
                        A v = LOAD(row[k]) * weights[k] * own;
                        int better = (v > most[k]) | (v != v);
                        sum[k] += v;
                        most[k] = better ? v : most[k];
                        where[k] = better ? (int32_t)o : where[k];
                    }
                }
                for (int64_t k = 0; k < width; k++) total[k] += sum[k], sum[k] = 0;
            }
            A *means = mean + n * inner + start;
            for (int64_t k = 0; k < width; k++) means[k] = total[k] / (A)outer;
            if (greatest)
                for (int64_t k = 0; k < width; k++) {
                    greatest[n * inner + start + k] = most[k];
                    place[n * inner + start + k] = where[k];
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
        for (int64_t start = from; start < to; start += BLOCK) {
            const int64_t width = to - start < BLOCK ? to - start : BLOCK;
            A total[BLOCK], sum[BLOCK];
            for (int64_t k = 0; k < width; k++) total[k] = 0, sum[k] = 0;
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                for (int64_t o = group; o < end; o++) {
                    const T *row = ROW_OF(x, o) + start, *given = ROW_OF(g, o) + start;
                    const A own = WEIGHT(rows, n * outer + o), more = shift ? shift[n * outer + o] : 0;
                    for (int64_t k = 0; k < width; k++)
                        sum[k] += LOAD(row[k]) * (LOAD(given[k]) * own + more);
                }
                for (int64_t k = 0; k < width; k++) total[k] += sum[k], sum[k] = 0;
            }
            for (int64_t k = 0; k < width; k++) sums[n * inner + start + k] = total[k];
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

/* y = x + x * sigmoid(rows + columns), or of their product where `product`. */
void NAME(joint)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *x, const A *rows, const A *columns,
    int product, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns + n * inner;
        for (int64_t o = from; o < to; o++) {
            const T *row = ROW_OF(x, o);
            T *out = ROW_OF(y, o);
            const A own = rows[n * outer + o];
            if (product)
                for (int64_t i = 0; i < inner; i++) {
                    const A v = LOAD(row[i]);
                    out[i] = STORE(v + v * SIGMOID(own * weights[i]));
                }
            else
                for (int64_t i = 0; i < inner; i++) {
                    const A v = LOAD(row[i]);
                    out[i] = STORE(v + v * SIGMOID(own + weights[i]));
                }
        }
    }
}

/* Its gradient: y = g * (1 + sigmoid(.)), and with h = g * x * sigmoid'(.) the sums of h (times the other
   weight where `product`) over each row and over each column. One part an image: columns are sums of rows. */
void NAME(joint_backward)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *columns, int product, T *y, A *row_sums, A *column_sums)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        const A *weights = columns + n * inner;
        A *down = column_sums + n * inner;
        for (int64_t i = 0; i < inner; i++) down[i] = 0;
        for (int64_t o = 0; o < outer; o++) {
            const T *row = ROW_OF(x, o), *given = ROW_OF(g, o);
            T *out = ROW_OF(y, o);
            const A own = rows[n * outer + o];
            A sum[LANES];
            for (int l = 0; l < LANES; l++) sum[l] = 0;
            int64_t i = 0;
#define STEP(l, logit, of_column, of_row)                                                        \
    A s = SIGMOID(logit), d = LOAD(given[i + l]);                                                \
    A h = d * LOAD(row[i + l]) * s * (1 - s);                                                    \
    out[i + l] = STORE(d + d * s);                                                               \
    sum[l] += h * (of_row);                                                                      \
    down[i + l] += h * (of_column);
            if (product) {
                for (; i + LANES <= inner; i += LANES)
                    for (int l = 0; l < LANES; l++) { STEP(l, own * weights[i + l], own, weights[i + l]) }
                for (int l = 0; i + l < inner; l++) { STEP(l, own * weights[i + l], own, weights[i + l]) }
            } else {
                for (; i + LANES <= inner; i += LANES)
                    for (int l = 0; l < LANES; l++) { STEP(l, own + weights[i + l], 1, 1) }
                for (int l = 0; i + l < inner; l++) { STEP(l, own + weights[i + l], 1, 1) }
            }
#undef STEP
            A total = 0;
            for (int l = 0; l < LANES; l++) total += sum[l];
            row_sums[n * outer + o] = total;
        }
    }
}

#undef FOR_PARTS
#undef PART
#undef ROW_OF
#undef WEIGHT
#undef TYPE
#undef T
#undef A
#undef LOAD
#undef STORE
#undef SIGMOID
