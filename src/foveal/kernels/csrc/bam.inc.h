/* BAM for one dtype: a 1x1 convolution to few channels, and x + x * sigmoid(logits) with logits per row and column. */

/* For each of `filter_count` filters the sum of each row of x times the filter: (images, filter_count, rows). The
   filters (filter_count, columns) are the same for all images, or each image has its own if `per_image`. */
void NAME(project_rows)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, int64_t filter_count,
    const acc_t *filters, int per_image, acc_t *sums)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        const acc_t *image_filters = filters + (per_image ? n * filter_count * columns : 0);
        for (int64_t first = from; first < to; first += LANES)
            for (int64_t filter = 0; filter < filter_count; filter += FILTERS_PER_READ) {
                const int64_t row_count = to - first < LANES ? to - first : LANES;
                const int64_t second_filter = filter + 1 < filter_count ? columns : 0;
                acc_lanes_t row_sums[FILTERS_PER_READ][LANES] = {0};
                for (int64_t r = 0; r < row_count; r++) {
                    acc_lanes_t sum[FILTERS_PER_READ] = {0};
                    for (int64_t i = 0; i < columns; i += LANES)
                        WITH_LANE_COUNT(columns - i, {
                            const acc_lanes_t values = NAME(load)(ROW(x, first + r) + i, count);
                            sum[0] += values * NAME(load_acc)(image_filters + filter * columns + i, count);
                            sum[1] +=
                                values * NAME(load_acc)(image_filters + filter * columns + second_filter + i, count);
                        })
                    row_sums[0][r] = sum[0], row_sums[1][r] = sum[1];
                }
                acc_t *to_filter = sums + (n * filter_count + filter) * rows + first;
                for (int k = 0; k < FILTERS_PER_READ && filter + k < filter_count; k++) {
                    const acc_lanes_t totals = NAME(sum_lanes_of_each)(row_sums[k]);
                    COPY_LANES(to_filter + k * rows, (const acc_t *)&totals, row_count);
                }
            }
    }
}

/* The same for each column, with filters (filter_count, rows): (images, filter_count, columns). */
void NAME(project_columns)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, int64_t filter_count,
    const acc_t *filters, int per_image, acc_t *sums)
{
    PARALLEL_FOR_PARTS(columns) {
        PART_BOUNDS(columns)
        const acc_t *image_filters = filters + (per_image ? n * filter_count * rows : 0);
        for (int64_t start = from; start < to; start += LANES)
            WITH_LANE_COUNT(to - start, {
                for (int64_t filter = 0; filter < filter_count; filter += FILTERS_PER_READ) {
                    const acc_t *first = image_filters + filter * rows;
                    const acc_t *second = filter + 1 < filter_count ? first + rows : first;
                    acc_lanes_t total[FILTERS_PER_READ] = {0};
                    for (int64_t group = 0; group < rows; group += ROWS_PER_GROUP) {
                        const int64_t end = group + ROWS_PER_GROUP < rows ? group + ROWS_PER_GROUP : rows;
                        acc_lanes_t sum[FILTERS_PER_READ] = {0};
                        for (int64_t r = group; r < end; r++) {
                            const acc_lanes_t values = NAME(load)(ROW(x, r) + start, count);
                            sum[0] += values * first[r];
                            sum[1] += values * second[r];
                        }
                        for (int k = 0; k < FILTERS_PER_READ; k++) total[k] += sum[k];
                    }
                    acc_t *to_filter = sums + (n * filter_count + filter) * columns + start;
                    memcpy(to_filter, &total[0], (size_t)count * sizeof(acc_t));
                    if (second != first) memcpy(to_filter + columns, &total[1], (size_t)count * sizeof(acc_t));
                }
            })
    }
}

/* The sigmoid of the logits of LANES columns in one row. The logits are row + columns with the encoding LOGITS_SUM, and
   row * columns with LOGITS_PRODUCT. With EXP_FACTORS the arguments are exp(-row) and exp(-columns) of a sum, which is
   much faster. */
static inline acc_lanes_t NAME(sigmoid_of_logits)(acc_t row, acc_lanes_t columns, int encoding)
{
    if (encoding == EXP_FACTORS) return 1 / (1 + columns * row);
    return SIGMOID_LANES(encoding == LOGITS_PRODUCT ? columns * row : columns + row);
}

/* y = x + x * sigmoid(logits). */
void NAME(bam_forward)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, const acc_t *row_logits,
    const acc_t *column_logits, int encoding, scalar_t *y)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        for (int64_t r = from; r < to; r++)
            for (int64_t i = 0; i < columns; i += LANES)
                WITH_LANE_COUNT(columns - i, {
                    const acc_lanes_t values = NAME(load)(ROW(x, r) + i, count);
                    const acc_lanes_t logits = NAME(load_acc)(column_logits + n * columns + i, count);
                    const acc_lanes_t s = NAME(sigmoid_of_logits)(row_logits[n * rows + r], logits, encoding);
                    NAME(store)(ROW(y, r) + i, values + values * s, count);
                })
    }
}

/* Process several vectors of columns at once in the common case EXP_FACTORS, otherwise one. */
#define FOR_WIDEST_BLOCK                                                                         \
    if (encoding == EXP_FACTORS && i + MAX_COLUMN_VECTORS * LANES <= columns) {                  \
        PROCESS_BLOCK(MAX_COLUMN_VECTORS, EXP_FACTORS);                                          \
    } else if (encoding == EXP_FACTORS && i + MAX_COLUMN_VECTORS / 2 * LANES <= columns) {       \
        PROCESS_BLOCK(MAX_COLUMN_VECTORS / 2, EXP_FACTORS);                                      \
    } else {                                                                                     \
        PROCESS_BLOCK(1, encoding);                                                              \
    }

/* Gradients of the logits of one image and `vectors` vectors of columns, the last of which may end after `count`
   values: the sums over rows and over columns of h = g * x * sigmoid', for LOGITS_PRODUCT times the other logit. Column
   sums stay in registers; row sums are added to `row_sums`. */
static inline __attribute__((always_inline)) void NAME(bam_logit_grads_block)(
    const int vectors, int64_t count, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *row_logits, const acc_t *column_logits, const int encoding, acc_t *row_sums, acc_t *column_sums)
{
    if (vectors > 1) count = LANES; /* a constant here: no vector needs a check */
    acc_lanes_t down[MAX_COLUMN_VECTORS] = {0}, logits[MAX_COLUMN_VECTORS];
    for (int k = 0; k < vectors; k++) logits[k] = NAME(load_acc)(column_logits + k * LANES, count);
    for (int64_t first = 0; first < rows; first += LANES) {
        const int64_t row_count = rows - first < LANES ? rows - first : LANES;
        acc_lanes_t sums[LANES] = {0};
        for (int64_t r = 0; r < row_count; r++) {
            const scalar_t *gradient = g + (first + r) * columns, *row = x + (first + r) * columns;
            const acc_t row_logit = row_logits[first + r];
            acc_lanes_t across = {0};
            for (int k = 0; k < vectors; k++) {
                const acc_lanes_t s = NAME(sigmoid_of_logits)(row_logit, logits[k], encoding);
                const acc_lanes_t values = NAME(load)(row + k * LANES, count);
                const acc_lanes_t h = NAME(load)(gradient + k * LANES, count) * values * (s - s * s);
                across += encoding == LOGITS_PRODUCT ? h * logits[k] : h;
                down[k] += encoding == LOGITS_PRODUCT ? h * row_logit : h;
            }
            sums[r] = across;
        }
        const acc_lanes_t totals = NAME(sum_lanes_of_each)(sums) + NAME(load_acc)(row_sums + first, row_count);
        COPY_LANES(row_sums + first, (const acc_t *)&totals, row_count);
    }
    for (int k = 0; k < vectors; k++)
        COPY_LANES(column_sums + k * LANES, (const acc_t *)&down[k], count);
}

/* Gradients of the row logits (images, rows) and the column logits (images, columns). */
void NAME(bam_logit_grads)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *row_logits, const acc_t *column_logits, int encoding, acc_t *row_sums, acc_t *column_sums)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        memset(row_sums + n * rows, 0, (size_t)rows * sizeof(acc_t));
        for (int64_t i = 0; i < columns;) {
#define PROCESS_BLOCK(vectors, encoding)                                                                      \
    NAME(bam_logit_grads_block)(                                                                              \
        vectors, columns - i, rows, columns, ROW(g, 0) + i, ROW(x, 0) + i, row_logits + n * rows,             \
        column_logits + n * columns + i, encoding, row_sums + n * rows, column_sums + n * columns + i),       \
        i += vectors * LANES
            FOR_WIDEST_BLOCK
#undef PROCESS_BLOCK
        }
    }
}

/* Gradient of the map in some rows of one image and `vectors` vectors of columns:
   y = g * (1 + sigmoid(logits)) + row_shift + column_shift + sum over k of row_factors[k] * column_factors[k]. */
static inline __attribute__((always_inline)) void NAME(bam_input_grad_block)(
    const int vectors, int64_t count, int64_t from, int64_t to, int64_t rows, int64_t columns, const scalar_t *g,
    const acc_t *row_logits, const acc_t *column_logits, const int encoding, const acc_t *row_shift,
    const acc_t *column_shift, int64_t factor_count, const acc_t *row_factors, const acc_t *column_factors, scalar_t *y)
{
    if (vectors > 1) count = LANES;
    acc_lanes_t logits[MAX_COLUMN_VECTORS], shifts[MAX_COLUMN_VECTORS] = {0};
    for (int k = 0; k < vectors; k++) {
        logits[k] = NAME(load_acc)(column_logits + k * LANES, count);
        if (column_shift) shifts[k] = NAME(load_acc)(column_shift + k * LANES, count);
    }
    for (int64_t r = from; r < to; r++) {
        acc_lanes_t sum[MAX_COLUMN_VECTORS];
        for (int k = 0; k < vectors; k++) {
            const acc_lanes_t gradient = NAME(load)(g + r * columns + k * LANES, count);
            sum[k] = gradient + gradient * NAME(sigmoid_of_logits)(row_logits[r], logits[k], encoding) + shifts[k];
            if (row_shift) sum[k] += row_shift[r];
        }
        for (int64_t factor = 0; factor < factor_count; factor++)
            for (int k = 0; k < vectors; k++)
                sum[k] += row_factors[factor * rows + r]
                    * NAME(load_acc)(column_factors + factor * columns + k * LANES, count);
        for (int k = 0; k < vectors; k++) NAME(store)(y + r * columns + k * LANES, sum[k], count);
    }
}

/* The same for whole maps. The product of the factors (factor_count, rows) and (factor_count, columns) is the input
   gradient of a 1x1 convolution. One of the two holds its weights, the same for all images; the other holds its output
   gradient, per image. */
void NAME(bam_input_grad)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const acc_t *row_logits,
    const acc_t *column_logits, int encoding, const acc_t *row_shift, const acc_t *column_shift, int64_t factor_count,
    const acc_t *row_factors, int row_factors_per_image, const acc_t *column_factors, int column_factors_per_image,
    scalar_t *y)
{
    PARALLEL_FOR_PARTS(rows) {
        PART_BOUNDS(rows)
        const acc_t *image_row_factors = row_factors + (row_factors_per_image ? n * factor_count * rows : 0);
        const acc_t *image_column_factors =
            column_factors + (column_factors_per_image ? n * factor_count * columns : 0);
        for (int64_t i = 0; i < columns;) {
#define PROCESS_BLOCK(vectors, encoding)                                                                        \
    NAME(bam_input_grad_block)(                                                                                 \
        vectors, columns - i, from, to, rows, columns, ROW(g, 0) + i, row_logits + n * rows,                    \
        column_logits + n * columns + i, encoding, row_shift ? row_shift + n * rows : NULL,                     \
        column_shift ? column_shift + n * columns + i : NULL, factor_count, image_row_factors,                  \
        image_column_factors + i, ROW(y, 0) + i),                                                               \
        i += vectors * LANES
            FOR_WIDEST_BLOCK
#undef PROCESS_BLOCK
        }
    }
}

#undef FOR_WIDEST_BLOCK
