/* The passes for maps of type T with sums of type A. Included once a type by kernels.c, which says what is what.

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

/* Do something for columns, from `c` on for `wide` vectors of `count` at a time: numbers that the compiler knows, but
   for a last vector that is not full. Sums of several vectors do not wait for each other. */
#define FOR_COLUMNS(first, last, ...)                                                            \
    for (int64_t c = first, done = 0; c < (last); c += done)                                     \
        if ((last) - c >= WIDE * LANES) {                                                        \
            enum { wide = WIDE };                                                                \
            const int64_t count = LANES;                                                         \
            done = wide * LANES;                                                                 \
            __VA_ARGS__                                                                          \
        } else if ((last) - c >= WIDE / 2 * LANES) {                                             \
            enum { wide = WIDE / 2 };                                                            \
            const int64_t count = LANES;                                                         \
            done = wide * LANES;                                                                 \
            __VA_ARGS__                                                                          \
        } else {                                                                                 \
            enum { wide = 1 };                                                                   \
            done = LANES;                                                                        \
            WITH_COUNT((last) - c, __VA_ARGS__)                                                  \
        }

/* Do something with rows of so many values. Rows of channels are often short: where the compiler knows how short, what
   is one value a column stays in registers from row to row. */
#define WITH_LENGTH(length, ...)                                                                 \
    if (length == 2 * LANES) {                                                                   \
        enum { length = 2 * LANES };                                                             \
        __VA_ARGS__                                                                              \
    } else if (length == 4 * LANES) {                                                            \
        enum { length = 4 * LANES };                                                             \
        __VA_ARGS__                                                                              \
    } else {                                                                                     \
        __VA_ARGS__                                                                              \
    }

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

/* The same from `at` on, or `value` in all lanes where there are none. */
static inline LANE_VALUES NAME(weights_or)(const A *from, int64_t at, int64_t count, A value)
{
    return from ? NAME(weights)(from + at, count) : (LANE_VALUES){0} + value;
}

static inline LANE_PLACES NAME(places)(const int32_t *from, int64_t count)
{
    vector_of_int32 places = {0};
    COPY_LANES(&places, from, count);
    return __builtin_convertvector(places, LANE_PLACES);
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

/* The totals of sixteen vectors, one a lane, each in the order of `total`; `parts` is used up. */
static inline LANE_VALUES NAME(totals)(LANE_VALUES *parts)
{
#define FOLD(half)                                                                               \
    for (int k = 0; k < half; k++)                                                               \
        parts[k] = JOIN(parts[k], parts[k + half], half, 0) + JOIN(parts[k], parts[k + half], half, half);
    FOLD(8) FOLD(4) FOLD(2) FOLD(1)
#undef FOLD
    return parts[0];
}

/* The greatest of all lanes of sixteen vectors, one a lane, and of equal ones the first place; both are used up. */
static inline RUNNING NAME(tops)(LANE_VALUES *most, LANE_PLACES *where)
{
#define FOLD(half)                                                                               \
    for (int k = 0; k < half; k++) {                                                             \
        const LANE_VALUES one = JOIN(most[k], most[k + half], half, 0);                          \
        const LANE_VALUES other = JOIN(most[k], most[k + half], half, half);                     \
        const LANE_PLACES at = JOIN(where[k], where[k + half], half, 0);                         \
        const LANE_PLACES there = JOIN(where[k], where[k + half], half, half);                   \
        const LANE_PLACES better = (other > one) | ((other == one) & (there < at));              \
        most[k] = CHOSEN(LANE_VALUES, better, other, one);                                       \
        where[k] = CHOSEN(LANE_PLACES, better, there, at);                                       \
    }
    FOLD(8) FOLD(4) FOLD(2) FOLD(1)
#undef FOLD
    return (RUNNING){(LANE_VALUES){0}, most[0], where[0]};
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

/* Take in the last values of a row, fewer than there are lanes; the lanes behind its `end` stay as they are. */
static inline void NAME(take_some)(
    RUNNING *running, const T *row, const A *weights, A own, LANE_PLACES at, I end)
{
    const int64_t count = end - at[0];
    LANE_VALUES values = NAME(load)(row, count);
    if (weights) values *= NAME(weights)(weights, count);
    const LANE_PLACES behind = at >= end;
    const LANE_VALUES before = running->sum;
    NAME(take)(running, CHOSEN(LANE_VALUES, behind, (LANE_VALUES){0} - INFINITY, values * own), at);
    running->sum = CHOSEN(LANE_VALUES, behind, before, running->sum);
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
        for (int64_t first = from; first < to; first += LANES) {
            const int64_t some = to - first < LANES ? to - first : LANES;
            LANE_VALUES sums[LANES] = {0}, most[LANES] = {0};
            LANE_PLACES where[LANES] = {0};
            WITH_LENGTH(inner, {
                for (int64_t r = 0; r < some; r++) {
                    const T *row = ROW_OF(x, first + r);
                    const A own = WEIGHT(rows, n * outer + first + r);
                    RUNNING running = NAME(nothing)();
                    int64_t i = 0;
                    for (; i + LANES <= inner; i += LANES) {
                        const LANE_VALUES by = NAME(weights_or)(weights, i, LANES, 1);
                        NAME(take)(&running, NAME(load)(row + i, LANES) * by * own, lane + (I)i);
                    }
                    const A *last = weights ? weights + i : NULL;
                    if (i < inner) NAME(take_some)(&running, row + i, last, own, lane + (I)i, (I)inner);
                    sums[r] = running.sum, most[r] = running.most, where[r] = running.where;
                }
            })
            const LANE_VALUES sum = NAME(totals)(sums), means = sum / (A)inner;
            const int64_t to_rows = n * outer + first;
            COPY_LANES(mean + to_rows, (const A *)&means, some);
            if (!greatest) continue;
            const RUNNING top = NAME(tops)(most, where);
            const vector_of_int32 places = __builtin_convertvector(top.where, vector_of_int32);
            COPY_LANES(greatest + to_rows, (const A *)&top.most, some);
            COPY_LANES(place + to_rows, (const int32_t *)&places, some);
            const A all = NAME(total)(sum);
            if (all == all) continue;
            for (int64_t r = 0; r < some; r++) {
                A best = top.most[r];
                I at = top.where[r];
                if (sum[r] != sum[r])
                    NAME(search)(ROW_OF(x, first + r), 1, inner, weights, WEIGHT(rows, to_rows + r), &best, &at);
                greatest[to_rows + r] = best;
                place[to_rows + r] = (int32_t)at;
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
        const A *own = rows ? rows + n * outer : NULL, *of = columns ? columns + n * inner : NULL;
        FOR_COLUMNS(from, to, {
            LANE_VALUES weights[wide], total[wide] = {0};
            RUNNING running[wide];
            for (int k = 0; k < wide; k++) {
                weights[k] = of ? NAME(weights)(of + c + k * LANES, count) : (LANE_VALUES){0} + 1;
                running[k] = NAME(nothing)();
            }
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                for (int64_t o = group; o < end; o++)
                    for (int k = 0; k < wide; k++) {
                        const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + c + k * LANES, count) * weights[k];
                        NAME(take)(&running[k], values * WEIGHT(own, o), (LANE_PLACES){0} + (I)o);
                    }
                for (int k = 0; k < wide; k++) total[k] += running[k].sum, running[k].sum = (LANE_VALUES){0};
            }
            for (int k = 0; k < wide; k++) {
                const int64_t to_columns = n * inner + c + k * LANES;
                const LANE_VALUES means = total[k] / (A)outer;
                COPY_LANES(mean + to_columns, (const A *)&means, count);
                if (!greatest) continue;
                const vector_of_int32 places = __builtin_convertvector(running[k].where, vector_of_int32);
                COPY_LANES(greatest + to_columns, (const A *)&running[k].most, count);
                COPY_LANES(place + to_columns, (const int32_t *)&places, count);
                const A all = NAME(total)(total[k]);
                if (all == all) continue;
                for (int64_t l = 0; l < count; l++) {
                    A most = running[k].most[l];
                    I first = running[k].where[l];
                    if (total[k][l] != total[k][l])
                        NAME(search)(ROW_OF(x, 0) + c + k * LANES + l, inner, outer, own, weights[k][l], &most, &first);
                    greatest[to_columns + l] = most;
                    place[to_columns + l] = (int32_t)first;
                }
            }
        })
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
        WITH_LENGTH(inner, {
            for (int64_t o = from; o < to; o++) {
                const T *row = ROW_OF(x, o);
                T *out = ROW_OF(y, o);
                const A own = WEIGHT(rows, n * outer + o);
                for (int64_t i = 0; i < inner; i += LANES)
                    WITH_COUNT(inner - i, {
                        const LANE_VALUES by = NAME(weights_or)(weights, i, count, 1);
                        const LANE_VALUES values = NAME(load)(row + i, count);
                        NAME(store)(out + i, columns_first ? values * by * own : values * own * by, count);
                    })
            }
        })
    }
}

/* Sum over each row of (g * columns + shift) * x, and of `given` * x in the one row that is the `place` of a column:
   (images, outer). All but the maps are one value a column. */
void NAME(dot_rows)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *columns,
    const A *shift, const A *given, const int32_t *place, A *sums)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL, *shifts = shift ? shift + n * inner : NULL;
        const A *peaks = given ? given + n * inner : NULL;
        for (int64_t first = from; first < to; first += LANES) {
            const int64_t some = to - first < LANES ? to - first : LANES;
            LANE_VALUES parts[LANES] = {0};
            WITH_LENGTH(inner, {
                for (int64_t r = 0; r < some; r++) {
                    LANE_VALUES sum = {0};
                    for (int64_t i = 0; i < inner; i += LANES)
                        WITH_COUNT(inner - i, {
                            LANE_VALUES by = NAME(load)(ROW_OF(g, first + r) + i, count);
                            by = by * NAME(weights_or)(weights, i, count, 1) + NAME(weights_or)(shifts, i, count, 0);
                            if (peaks) {
                                const LANE_PLACES here = NAME(places)(place + n * inner + i, count) == (I)(first + r);
                                by += CHOSEN(LANE_VALUES, here, NAME(weights)(peaks + i, count), (LANE_VALUES){0});
                            }
                            sum += NAME(load)(ROW_OF(x, first + r) + i, count) * by;
                        })
                    parts[r] = sum;
                }
            })
            const LANE_VALUES all = NAME(totals)(parts);
            COPY_LANES(sums + n * outer + first, (const A *)&all, some);
        }
    }
}

/* The same over each column, all but the maps being one value a row: (images, inner). */
void NAME(dot_columns)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *shift, const A *given, const int32_t *place, A *sums)
{
    LANE_PLACES lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    FOR_PARTS(inner) {
        PART(inner)
        FOR_COLUMNS(from, to, {
            LANE_VALUES total[wide] = {0};
            for (int64_t group = 0; group < outer; group += GROUP) {
                const int64_t end = group + GROUP < outer ? group + GROUP : outer;
                LANE_VALUES sum[wide] = {0};
                for (int64_t o = group; o < end; o++) {
                    const A own = WEIGHT(rows, n * outer + o), more = shift ? shift[n * outer + o] : 0;
                    const LANE_VALUES peak = (LANE_VALUES){0} + (given ? given[n * outer + o] : 0);
                    const LANE_PLACES to_place = lane - (I)(given ? place[n * outer + o] - c : -1);
                    for (int k = 0; k < wide; k++) {
                        LANE_VALUES by = NAME(load)(ROW_OF(g, o) + c + k * LANES, count) * own + more;
                        by += CHOSEN(LANE_VALUES, to_place == -k * LANES, peak, (LANE_VALUES){0});
                        sum[k] += NAME(load)(ROW_OF(x, o) + c + k * LANES, count) * by;
                    }
                }
                for (int k = 0; k < wide; k++) total[k] += sum[k];
            }
            for (int k = 0; k < wide; k++) COPY_LANES(sums + n * inner + c + k * LANES, (const A *)&total[k], count);
        })
    }
}

/* The gradient of a map behind its two weights and its two means: y = (g * rows + row_shift) * columns +
   column_shift where `columns_last`, else (g * columns + column_shift) * rows + row_shift. What goes to single places,
   the greatest of each row (`row_peak` at `row_place`) and of each column, is added where the shift is. */
void NAME(spread)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const A *rows, const A *columns,
    const A *row_shift, const A *column_shift, int columns_last, const A *row_peak, const int32_t *row_place,
    const A *column_peak, const int32_t *column_place, T *y)
{
    LANE_PLACES lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    FOR_PARTS(outer) {
        PART(outer)
        const A *weights = columns ? columns + n * inner : NULL;
        const A *shifts = column_shift ? column_shift + n * inner : NULL;
        WITH_LENGTH(inner, {
            for (int64_t o = from; o < to; o++) {
                const T *given = ROW_OF(g, o);
                T *out = ROW_OF(y, o);
                const A own = WEIGHT(rows, n * outer + o), more = row_shift ? row_shift[n * outer + o] : 0;
                const LANE_VALUES peak = (LANE_VALUES){0} + (row_peak ? row_peak[n * outer + o] : 0);
                const I place = row_peak ? (I)row_place[n * outer + o] : -1;
                for (int64_t i = 0; i < inner; i += LANES)
                    WITH_COUNT(inner - i, {
                        const LANE_VALUES at_place =
                            CHOSEN(LANE_VALUES, lane + (I)i == place, peak, (LANE_VALUES){0}) + more;
                        const LANE_VALUES by = NAME(weights_or)(weights, i, count, 1);
                        const LANE_VALUES plus = NAME(weights_or)(shifts, i, count, 0);
                        LANE_VALUES values = NAME(load)(given + i, count);
                        if (columns_last) values = (values * own + at_place) * by + plus;
                        else values = (values * by + plus) * own + at_place;
                        NAME(store)(out + i, values, count);
                    })
            }
        })
        if (column_peak)
            for (int64_t i = 0; i < inner; i++) {
                const int64_t o = column_place[n * inner + i];
                if (o < from || o >= to) continue;
                T *at = ROW_OF(y, o) + i;
                *at = STORE(LOAD(*at) + column_peak[n * inner + i] * (columns_last ? 1 : WEIGHT(rows, n * outer + o)));
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
        for (int64_t first = from; first < to; first += LANES)
            for (int64_t rank = 0; rank < ranks; rank += PAIR) {
                const int64_t some = to - first < LANES ? to - first : LANES, other = rank + 1 < ranks ? inner : 0;
                LANE_VALUES parts[PAIR][LANES] = {0};
                for (int64_t r = 0; r < some; r++) {
                    LANE_VALUES sum[PAIR] = {0};
                    for (int64_t i = 0; i < inner; i += LANES)
                        WITH_COUNT(inner - i, {
                            const LANE_VALUES values = NAME(load)(ROW_OF(x, first + r) + i, count);
                            sum[0] += values * NAME(weights)(of + rank * inner + i, count);
                            sum[1] += values * NAME(weights)(of + rank * inner + other + i, count);
                        })
                    parts[0][r] = sum[0], parts[1][r] = sum[1];
                }
                A *to_rank = sums + (n * ranks + rank) * outer + first;
                for (int k = 0; k < PAIR && rank + k < ranks; k++) {
                    const LANE_VALUES all = NAME(totals)(parts[k]);
                    COPY_LANES(to_rank + k * outer, (const A *)&all, some);
                }
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
        for (int64_t start = from; start < to; start += LANES)
            WITH_COUNT(to - start, {
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
            })
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
            for (int64_t i = 0; i < inner; i += LANES)
                WITH_COUNT(inner - i, {
                    const LANE_VALUES values = NAME(load)(ROW_OF(x, o) + i, count);
                    const LANE_VALUES others = NAME(weights)(columns + n * inner + i, count);
                    const LANE_VALUES s = NAME(gates)(rows[n * outer + o], others, how);
                    NAME(store)(ROW_OF(y, o) + i, values + values * s, count);
                })
    }
}

/* Take as many columns at once as there are, but for what is rare one vector of them. */
#define JOINT_BLOCK                                                                              \
    if (how == FACTORS && i + 4 * LANES <= inner) {                                              \
        SOME(4, FACTORS);                                                                        \
    } else if (how == FACTORS && i + 2 * LANES <= inner) {                                       \
        SOME(2, FACTORS);                                                                        \
    } else {                                                                                     \
        SOME(1, how);                                                                            \
    }

/* With h = g * x * sigmoid'(.), the sums of h (times the other logit for PRODUCT) over each row and each
   column: the gradients of the logits. Here of `wide` vectors of columns of an image, one of which may end
   after `count`; their sums stay where they are computed, and those of rows are added to what is there. */
static inline __attribute__((always_inline)) void NAME(joint_dots_some)(
    const int wide, int64_t count, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *columns, const int how, A *row_sums, A *column_sums)
{
    if (wide > 1) count = LANES; /* of each vector: known here, so that nothing is asked of each */
    LANE_VALUES down[BLOCK / LANES] = {0}, others[BLOCK / LANES];
    for (int k = 0; k < wide; k++) others[k] = NAME(weights)(columns + k * LANES, count);
    for (int64_t first = 0; first < outer; first += LANES) {
        const int64_t some = outer - first < LANES ? outer - first : LANES;
        LANE_VALUES parts[LANES] = {0};
        for (int64_t r = 0; r < some; r++) {
            const T *given = g + (first + r) * inner, *row = x + (first + r) * inner;
            const A own = rows[first + r];
            LANE_VALUES across = {0};
            for (int k = 0; k < wide; k++) {
                const LANE_VALUES s = NAME(gates)(own, others[k], how);
                const LANE_VALUES values = NAME(load)(row + k * LANES, count);
                const LANE_VALUES h = NAME(load)(given + k * LANES, count) * values * (s - s * s);
                across += how == PRODUCT ? h * others[k] : h;
                down[k] += how == PRODUCT ? h * own : h;
            }
            parts[r] = across;
        }
        const LANE_VALUES all = NAME(totals)(parts) + NAME(weights)(row_sums + first, some);
        COPY_LANES(row_sums + first, (const A *)&all, some);
    }
    for (int k = 0; k < wide; k++)
        COPY_LANES(column_sums + k * LANES, (const A *)&down[k], count);
}

void NAME(joint_dots)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const T *x, const A *rows,
    const A *columns, int how, A *row_sums, A *column_sums)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        memset(row_sums + n * outer, 0, (size_t)outer * sizeof(A));
        for (int64_t i = 0; i < inner;) {
#define SOME(wide, how)                                                                                       \
    NAME(joint_dots_some)(                                                                                    \
        wide, inner - i, outer, inner, ROW_OF(g, 0) + i, ROW_OF(x, 0) + i, rows + n * outer,                  \
        columns + n * inner + i, how, row_sums + n * outer, column_sums + n * inner + i),                     \
        i += wide * LANES
            JOINT_BLOCK
#undef SOME
        }
    }
}

/* y = g * (1 + sigmoid(.)) + row_shift + column_shift + sum over k of left[k] * right[k], one value a row and one
   a column; of these, one is the same for all images (`left_images` or `right_images` is 0). Here of `wide`
   vectors of columns of some rows of an image. */
static inline __attribute__((always_inline)) void NAME(joint_spread_some)(
    const int wide, int64_t count, int64_t from, int64_t to, int64_t outer, int64_t inner, const T *g,
    const A *rows, const A *columns, const int how, const A *row_shift, const A *column_shift, int64_t ranks,
    const A *left, const A *right, T *y)
{
    if (wide > 1) count = LANES;
    LANE_VALUES others[BLOCK / LANES], shifts[BLOCK / LANES] = {0};
    for (int k = 0; k < wide; k++) {
        others[k] = NAME(weights)(columns + k * LANES, count);
        if (column_shift) shifts[k] = NAME(weights)(column_shift + k * LANES, count);
    }
    for (int64_t o = from; o < to; o++) {
        LANE_VALUES sum[BLOCK / LANES];
        for (int k = 0; k < wide; k++) {
            const LANE_VALUES given = NAME(load)(g + o * inner + k * LANES, count);
            sum[k] = given + given * NAME(gates)(rows[o], others[k], how) + shifts[k];
            if (row_shift) sum[k] += row_shift[o];
        }
        for (int64_t rank = 0; rank < ranks; rank++)
            for (int k = 0; k < wide; k++)
                sum[k] += left[rank * outer + o] * NAME(weights)(right + rank * inner + k * LANES, count);
        for (int k = 0; k < wide; k++) NAME(store)(y + o * inner + k * LANES, sum[k], count);
    }
}

void NAME(joint_spread)(
    int threads, int64_t images, int64_t outer, int64_t inner, const T *g, const A *rows, const A *columns,
    int how, const A *row_shift, const A *column_shift, int64_t ranks, const A *left, int left_images,
    const A *right, int right_images, T *y)
{
    FOR_PARTS(outer) {
        PART(outer)
        const A *left_of = left + (left_images ? n * ranks * outer : 0);
        const A *right_of = right + (right_images ? n * ranks * inner : 0);
        for (int64_t i = 0; i < inner;) {
#define SOME(wide, how)                                                                                       \
    NAME(joint_spread_some)(                                                                                  \
        wide, inner - i, from, to, outer, inner, ROW_OF(g, 0) + i, rows + n * outer, columns + n * inner + i, \
        how, row_shift ? row_shift + n * outer : NULL, column_shift ? column_shift + n * inner + i : NULL,    \
        ranks, left_of, right_of + i, ROW_OF(y, 0) + i),                                                      \
        i += wide * LANES
            JOINT_BLOCK
#undef SOME
        }
    }
}

#include "batch_norm_relu.h"
#include "max_pool.h"
#ifdef WITH_SMALL
#include "small_conv.h"
#include "channel_mlp.h"
#undef WITH_SMALL
#endif

#undef FOR_COLUMNS
#undef FOR_PARTS
#undef JOINT_BLOCK
#undef PART
#undef ROW_OF
#undef WEIGHT
#undef WITH_LENGTH
#undef TYPE
#undef T
#undef A
#undef LOAD
#undef STORE
#undef SIGMOIDS
#undef NARROWED
#undef NARROWED_BACK
#undef I
#undef VECTOR_OF_T
#undef WIDENED
#undef LANE_VALUES
#undef LANE_PLACES
