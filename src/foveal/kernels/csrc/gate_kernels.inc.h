/* Pools of a map, its multiplication by weights per row and per column, and their gradients, for one dtype. */

/* Functions `..._part` compute the rows or columns `from` to `to` of image n. */

/* Mean and maximum of each row of x * row_weights * column_weights, and the first index of the maximum:
   (images, rows). */
static void NAME(pool_rows_part)(
    int64_t n, int64_t from, int64_t to, int64_t rows, int64_t columns, const scalar_t *x,
    const acc_t *row_weights, const acc_t *column_weights, acc_t *mean, acc_t *max, int32_t *argmax)
{
    index_lanes_t lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    const acc_t *weights = column_weights ? column_weights + n * columns : NULL;
    for (int64_t first = from; first < to; first += LANES) {
        const int64_t row_count = to - first < LANES ? to - first : LANES;
        acc_lanes_t row_sums[LANES] = {0}, row_max[LANES] = {0};
        index_lanes_t row_argmax[LANES] = {0};
        WITH_CONSTANT_LENGTH(columns, {
            for (int64_t r = 0; r < row_count; r++) {
                const scalar_t *row = ROW(x, first + r);
                const acc_t row_weight = WEIGHT_OR_ONE(row_weights, n * rows + first + r);
                PoolAccumulator pool = NAME(empty_pool)();
                int64_t i = 0;
                for (; i + LANES <= columns; i += LANES) {
                    const acc_lanes_t weight = NAME(load_acc_or)(weights, i, LANES, 1);
                    NAME(accumulate)(&pool, NAME(load)(row + i, LANES) * weight * row_weight, lane + (index_t)i);
                }
                const acc_t *tail_weights = weights ? weights + i : NULL;
                if (i < columns)
                    NAME(accumulate_tail)(
                        &pool, row + i, tail_weights, row_weight, lane + (index_t)i, (index_t)columns);
                row_sums[r] = pool.sum, row_max[r] = pool.max, row_argmax[r] = pool.argmax;
            }
        })
        const acc_lanes_t sums = NAME(sum_lanes_of_each)(row_sums), means = sums / (acc_t)columns;
        const int64_t at = n * rows + first;
        COPY_LANES(mean + at, (const acc_t *)&means, row_count);
        if (!max) continue;
        const PoolAccumulator top = NAME(reduce_argmax)(row_max, row_argmax);
        const i32_lanes_t indices = __builtin_convertvector(top.argmax, i32_lanes_t);
        COPY_LANES(max + at, (const acc_t *)&top.max, row_count);
        COPY_LANES(argmax + at, (const int32_t *)&indices, row_count);
        const acc_t total = NAME(sum_lanes)(sums);
        if (total == total) continue; /* no NaN in these rows */
        for (int64_t r = 0; r < row_count; r++) {
            acc_t value = top.max[r];
            index_t index = top.argmax[r];
            if (sums[r] != sums[r])
                NAME(find_max_or_nan)(
                    ROW(x, first + r), 1, columns, weights, WEIGHT_OR_ONE(row_weights, at + r), &value, &index);
            max[at + r] = value;
            argmax[at + r] = (int32_t)index;
        }
    }
}

void NAME(pool_rows)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, const acc_t *row_weights,
    const acc_t *column_weights, acc_t *mean, acc_t *max, int32_t *argmax)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        NAME(pool_rows_part)(
            n, from, to, rows, columns, x, row_weights, column_weights, mean, max, argmax);
    }
}

/* The same for each column: (images, columns). */
static void NAME(pool_columns_part)(
    int64_t n, int64_t from, int64_t to, int64_t rows, int64_t columns, const scalar_t *x,
    const acc_t *row_weights, const acc_t *column_weights, acc_t *mean, acc_t *max, int32_t *argmax)
{
    const acc_t *image_row_weights = row_weights ? row_weights + n * rows : NULL;
    const acc_t *image_column_weights = column_weights ? column_weights + n * columns : NULL;
    FOR_COLUMN_VECTORS(from, to, {
        acc_lanes_t weights[vectors], total[vectors] = {0};
        PoolAccumulator pools[vectors];
        for (int k = 0; k < vectors; k++) {
            weights[k] = image_column_weights ? NAME(load_acc)(image_column_weights + c + k * LANES, count)
                                              : (acc_lanes_t){0} + 1;
            pools[k] = NAME(empty_pool)();
        }
        for (int64_t group = 0; group < rows; group += ROWS_PER_GROUP) {
            const int64_t end = group + ROWS_PER_GROUP < rows ? group + ROWS_PER_GROUP : rows;
            for (int64_t r = group; r < end; r++)
                for (int k = 0; k < vectors; k++) {
                    const acc_lanes_t values = NAME(load)(ROW(x, r) + c + k * LANES, count) * weights[k];
                    NAME(accumulate)(
                        &pools[k], values * WEIGHT_OR_ONE(image_row_weights, r), (index_lanes_t){0} + (index_t)r);
                }
            for (int k = 0; k < vectors; k++) total[k] += pools[k].sum, pools[k].sum = (acc_lanes_t){0};
        }
        for (int k = 0; k < vectors; k++) {
            const int64_t at = n * columns + c + k * LANES;
            const acc_lanes_t means = total[k] / (acc_t)rows;
            COPY_LANES(mean + at, (const acc_t *)&means, count);
            if (!max) continue;
            const i32_lanes_t indices = __builtin_convertvector(pools[k].argmax, i32_lanes_t);
            COPY_LANES(max + at, (const acc_t *)&pools[k].max, count);
            COPY_LANES(argmax + at, (const int32_t *)&indices, count);
            const acc_t sum = NAME(sum_lanes)(total[k]);
            if (sum == sum) continue; /* no NaN in these columns */
            for (int64_t l = 0; l < count; l++) {
                acc_t value = pools[k].max[l];
                index_t index = pools[k].argmax[l];
                if (total[k][l] != total[k][l])
                    NAME(find_max_or_nan)(
                        ROW(x, 0) + c + k * LANES + l, columns, rows, image_row_weights, weights[k][l], &value,
                        &index);
                max[at + l] = value;
                argmax[at + l] = (int32_t)index;
            }
        }
    })
}

void NAME(pool_columns)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, const acc_t *row_weights,
    const acc_t *column_weights, acc_t *mean, acc_t *max, int32_t *argmax)
{
    PARALLEL_FOR_PARTS(columns) {
        PART_BOUNDS(columns)
        NAME(pool_columns_part)(
            n, from, to, rows, columns, x, row_weights, column_weights, mean, max, argmax);
    }
}

/* y = x * row_weights * column_weights; if `columns_first`, the multiplication by column_weights comes first. */
void NAME(scale)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, const acc_t *row_weights,
    const acc_t *column_weights, int columns_first, scalar_t *y)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        const acc_t *weights = column_weights ? column_weights + n * columns : NULL;
        WITH_CONSTANT_LENGTH(columns, {
            for (int64_t r = from; r < to; r++) {
                const scalar_t *row = ROW(x, r);
                scalar_t *out = ROW(y, r);
                const acc_t row_weight = WEIGHT_OR_ONE(row_weights, n * rows + r);
                for (int64_t i = 0; i < columns; i += LANES)
                    WITH_LANE_COUNT(columns - i, {
                        const acc_lanes_t weight = NAME(load_acc_or)(weights, i, count, 1);
                        const acc_lanes_t values = NAME(load)(row + i, count);
                        NAME(store)(
                            out + i, columns_first ? values * weight * row_weight : values * row_weight * weight,
                            count);
                    })
            }
        })
    }
}

/* Sum over each row of (g * column_weights + shift) * x: (images, rows). A column may have a `peak`, which is added to
   its shift in the row `peak_index` only. All but the maps have one value per column. */
void NAME(dot_rows)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *column_weights, const acc_t *shift, const acc_t *peak, const int32_t *peak_index, acc_t *sums)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        const acc_t *weights = column_weights ? column_weights + n * columns : NULL;
        const acc_t *shifts = shift ? shift + n * columns : NULL;
        const acc_t *peaks = peak ? peak + n * columns : NULL;
        for (int64_t first = from; first < to; first += LANES) {
            const int64_t row_count = to - first < LANES ? to - first : LANES;
            acc_lanes_t row_sums[LANES] = {0};
            WITH_CONSTANT_LENGTH(columns, {
                for (int64_t r = 0; r < row_count; r++) {
                    acc_lanes_t sum = {0};
                    for (int64_t i = 0; i < columns; i += LANES)
                        WITH_LANE_COUNT(columns - i, {
                            acc_lanes_t gradient = NAME(load)(ROW(g, first + r) + i, count);
                            gradient = gradient * NAME(load_acc_or)(weights, i, count, 1)
                                + NAME(load_acc_or)(shifts, i, count, 0);
                            if (peaks) {
                                const index_lanes_t is_peak =
                                    NAME(load_indices)(peak_index + n * columns + i, count) == (index_t)(first + r);
                                gradient += SELECT(
                                    acc_lanes_t, is_peak, NAME(load_acc)(peaks + i, count), (acc_lanes_t){0});
                            }
                            sum += NAME(load)(ROW(x, first + r) + i, count) * gradient;
                        })
                    row_sums[r] = sum;
                }
            })
            const acc_lanes_t totals = NAME(sum_lanes_of_each)(row_sums);
            COPY_LANES(sums + n * rows + first, (const acc_t *)&totals, row_count);
        }
    }
}

/* The same over each column: (images, columns). All but the maps have one value per row. */
static void NAME(dot_columns_part)(
    int64_t n, int64_t from, int64_t to, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *row_weights, const acc_t *shift, const acc_t *peak, const int32_t *peak_index, acc_t *sums)
{
    index_lanes_t lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    FOR_COLUMN_VECTORS(from, to, {
        acc_lanes_t total[vectors] = {0};
        for (int64_t group = 0; group < rows; group += ROWS_PER_GROUP) {
            const int64_t end = group + ROWS_PER_GROUP < rows ? group + ROWS_PER_GROUP : rows;
            acc_lanes_t sum[vectors] = {0};
            for (int64_t r = group; r < end; r++) {
                const acc_t row_weight = WEIGHT_OR_ONE(row_weights, n * rows + r);
                const acc_t row_shift = shift ? shift[n * rows + r] : 0;
                const acc_lanes_t row_peak = (acc_lanes_t){0} + (peak ? peak[n * rows + r] : 0);
                const index_lanes_t to_peak = lane - (index_t)(peak ? peak_index[n * rows + r] - c : -1);
                for (int k = 0; k < vectors; k++) {
                    acc_lanes_t gradient =
                        NAME(load)(ROW(g, r) + c + k * LANES, count) * row_weight + row_shift;
                    gradient += SELECT(acc_lanes_t, to_peak == -k * LANES, row_peak, (acc_lanes_t){0});
                    sum[k] += NAME(load)(ROW(x, r) + c + k * LANES, count) * gradient;
                }
            }
            for (int k = 0; k < vectors; k++) total[k] += sum[k];
        }
        for (int k = 0; k < vectors; k++)
            COPY_LANES(sums + n * columns + c + k * LANES, (const acc_t *)&total[k], count);
    })
}

void NAME(dot_columns)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *row_weights, const acc_t *shift, const acc_t *peak, const int32_t *peak_index, acc_t *sums)
{
    PARALLEL_FOR_PARTS(columns) {
        PART_BOUNDS(columns)
        NAME(dot_columns_part)(
            n, from, to, rows, columns, g, x, row_weights, shift, peak, peak_index, sums);
    }
}

/* Gradient of a map that was multiplied by row and column weights and pooled in both directions:
   y = (g * row_weights + row_shift) * column_weights + column_shift if `columns_last`, otherwise
   y = (g * column_weights + column_shift) * row_weights + row_shift. The shifts are the gradients of the means. The
   gradients of the maxima are peaks: added to the shift, but only at the index of the maximum. */
static void NAME(weighting_backward_part)(
    int64_t n, int64_t from, int64_t to, int64_t rows, int64_t columns, const scalar_t *g,
    const acc_t *row_weights, const acc_t *column_weights, const acc_t *row_shift, const acc_t *column_shift,
    int columns_last, const acc_t *row_peak, const int32_t *row_peak_index, const acc_t *column_peak,
    const int32_t *column_peak_index, scalar_t *y)
{
    index_lanes_t lane;
    for (int l = 0; l < LANES; l++) lane[l] = l;
    const acc_t *weights = column_weights ? column_weights + n * columns : NULL;
    const acc_t *shifts = column_shift ? column_shift + n * columns : NULL;
    WITH_CONSTANT_LENGTH(columns, {
        for (int64_t r = from; r < to; r++) {
            const scalar_t *gradient = ROW(g, r);
            scalar_t *out = ROW(y, r);
            const acc_t weight_of_row = WEIGHT_OR_ONE(row_weights, n * rows + r);
            const acc_t shift_of_row = row_shift ? row_shift[n * rows + r] : 0;
            const acc_lanes_t peak = (acc_lanes_t){0} + (row_peak ? row_peak[n * rows + r] : 0);
            const index_t peak_index = row_peak ? (index_t)row_peak_index[n * rows + r] : -1;
            for (int64_t i = 0; i < columns; i += LANES)
                WITH_LANE_COUNT(columns - i, {
                    const acc_lanes_t row_shifts =
                        SELECT(acc_lanes_t, lane + (index_t)i == peak_index, peak, (acc_lanes_t){0})
                        + shift_of_row;
                    const acc_lanes_t weight = NAME(load_acc_or)(weights, i, count, 1);
                    const acc_lanes_t shift = NAME(load_acc_or)(shifts, i, count, 0);
                    acc_lanes_t values = NAME(load)(gradient + i, count);
                    if (columns_last) values = (values * weight_of_row + row_shifts) * weight + shift;
                    else values = (values * weight + shift) * weight_of_row + row_shifts;
                    NAME(store)(out + i, values, count);
                })
        }
    })
    if (column_peak)
        for (int64_t i = 0; i < columns; i++) {
            const int64_t r = column_peak_index[n * columns + i];
            if (r < from || r >= to) continue;
            scalar_t *at = ROW(y, r) + i;
            *at = FROM_ACC(
                TO_ACC(*at)
                + column_peak[n * columns + i] * (columns_last ? 1 : WEIGHT_OR_ONE(row_weights, n * rows + r)));
        }
}

void NAME(weighting_backward)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const acc_t *row_weights,
    const acc_t *column_weights, const acc_t *row_shift, const acc_t *column_shift, int columns_last,
    const acc_t *row_peak, const int32_t *row_peak_index, const acc_t *column_peak,
    const int32_t *column_peak_index, scalar_t *y)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        NAME(weighting_backward_part)(
            n, from, to, rows, columns, g, row_weights, column_weights, row_shift, column_shift, columns_last,
            row_peak, row_peak_index, column_peak, column_peak_index, y);
    }
}
