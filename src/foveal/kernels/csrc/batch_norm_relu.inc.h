/* Batch norm and ReLU in one, for channels_last maps of one dtype. Such a map is a matrix of `rows` rows, one per
   position of an image, and one column per channel. Statistics cover all images, so the rows are cut into STRIPS
   strips, whatever the number of threads, and the sums of the strips are added in their order. */

#define PARALLEL_FOR_STRIPS                                                                      \
    const int64_t strip_length = (rows + STRIPS - 1) / STRIPS;                                   \
    _Pragma("omp parallel for num_threads(threads) schedule(static)")                            \
    for (int64_t strip = 0; strip < STRIPS; strip++)

#define STRIP_BOUNDS                                                                             \
    const int64_t from = strip * strip_length;                                                   \
    const int64_t end = from + strip_length < rows ? from + strip_length : rows;

/* Sums over each strip and channel: (STRIPS, 2, channels). Without g they are the sums of x - center and its square.
   With g they are the sums of g and of g * (x - center), where g counts as zero unless (x - center) * scale + bias is
   positive: the gradient of the ReLU. */
static void NAME(strip_sums)(
    int threads, int64_t rows, int64_t channels, const scalar_t *g, const scalar_t *x, const acc_t *center,
    const acc_t *scale, const acc_t *bias, acc_t *sums)
{
    PARALLEL_FOR_STRIPS {
        STRIP_BOUNDS
        acc_t *to = sums + strip * 2 * channels;
        FOR_COLUMN_VECTORS(0, channels, {
            acc_lanes_t centers[vectors], scales[vectors], biases[vectors], total[2][vectors] = {0};
            for (int k = 0; k < vectors; k++) {
                const int64_t at = c + k * LANES;
                centers[k] = NAME(load_acc)(center + at, count);
                scales[k] = g ? NAME(load_acc)(scale + at, count) : (acc_lanes_t){0};
                biases[k] = g ? NAME(load_acc)(bias + at, count) : (acc_lanes_t){0};
            }
            for (int64_t group = from; group < end; group += ROWS_PER_GROUP) {
                const int64_t last = group + ROWS_PER_GROUP < end ? group + ROWS_PER_GROUP : end;
                acc_lanes_t sum[2][vectors] = {0};
                for (int64_t row = group; row < last; row++)
                    for (int k = 0; k < vectors; k++) {
                        const int64_t at = row * channels + c + k * LANES;
                        const acc_lanes_t deviation = NAME(load)(x + at, count) - centers[k];
                        acc_lanes_t values = deviation;
                        if (g) {
                            const index_lanes_t is_off = deviation * scales[k] + biases[k] <= 0;
                            values = SELECT(acc_lanes_t, is_off, (acc_lanes_t){0}, NAME(load)(g + at, count));
                        }
                        sum[0][k] += values;
                        sum[1][k] += values * deviation;
                    }
                for (int k = 0; k < vectors; k++) total[0][k] += sum[0][k], total[1][k] += sum[1][k];
            }
            for (int k = 0; k < vectors; k++) {
                COPY_LANES(to + c + k * LANES, (const acc_t *)&total[0][k], count);
                COPY_LANES(to + channels + c + k * LANES, (const acc_t *)&total[1][k], count);
            }
        })
    }
}

/* One of these two sums, added over all strips, for LANES channels or the first `count`. */
static inline double_lanes_t NAME(sum_over_strips)(const acc_t *sums, int64_t channels, int64_t count)
{
    double_lanes_t sum = {0};
    for (int64_t strip = 0; strip < STRIPS; strip++)
        sum += __builtin_convertvector(NAME(load_acc)(sums + strip * 2 * channels, count), double_lanes_t);
    return sum;
}

/* y = relu((x - center) * scale + bias). NaN is preserved. */
void NAME(normalize_relu)(
    int threads, int64_t rows, int64_t channels, const scalar_t *x, const acc_t *center, const acc_t *scale,
    const acc_t *bias, scalar_t *y)
{
    PARALLEL_FOR_STRIPS {
        STRIP_BOUNDS
        FOR_COLUMN_VECTORS(0, channels, {
            acc_lanes_t centers[vectors], scales[vectors], biases[vectors];
            for (int k = 0; k < vectors; k++) {
                const int64_t at = c + k * LANES;
                centers[k] = NAME(load_acc)(center + at, count), scales[k] = NAME(load_acc)(scale + at, count);
                biases[k] = NAME(load_acc)(bias + at, count);
            }
            for (int64_t row = from; row < end; row++)
                for (int k = 0; k < vectors; k++) {
                    const int64_t at = row * channels + c + k * LANES;
                    const acc_lanes_t values = (NAME(load)(x + at, count) - centers[k]) * scales[k] + biases[k];
                    NAME(store)(y + at, SELECT(acc_lanes_t, values <= 0, (acc_lanes_t){0}, values), count);
                }
        })
    }
}

/* Set mean and inverse standard deviation of one channel and update its running statistics, from the average deviation
   of its `count` values from `center` and the average square of that deviation. The running mean is the mean of the
   values plus `offset`. */
static inline void NAME(update_running_stats)(
    double offset, double center, double deviation, double square, double count, double eps, double momentum,
    acc_t *running_mean, acc_t *running_variance, acc_t *mean, acc_t *inverse_std)
{
    const double exact = square - deviation * deviation, variance = exact < 0 ? 0 : exact;
    const double exact_mean = center + deviation, unbiased = variance * count / (count - 1);
    *running_mean += (acc_t)(momentum * (exact_mean + offset - *running_mean));
    *running_variance += (acc_t)(momentum * (unbiased - *running_variance));
    *mean = (acc_t)exact_mean;
    *inverse_std = (acc_t)(1 / sqrt(variance + eps));
}

/* `normalize_relu` with the batch's mean and scale = weight / sqrt(variance + eps). Returns mean and inverse standard
   deviation, and moves the running statistics by `momentum` towards mean and unbiased variance. `offset` (channels,), or
   NULL, is a constant per channel that was left out of x: it affects the running mean only. `work` is
   (2 * STRIPS + 1, channels). */
void NAME(batch_norm_relu_forward)(
    int threads, int64_t rows, int64_t channels, const scalar_t *x, const acc_t *offset, const acc_t *weight,
    const acc_t *bias, double eps, double momentum, acc_t *running_mean, acc_t *running_variance, acc_t *work,
    acc_t *mean, acc_t *inverse_std, scalar_t *y)
{
    const int64_t strip_length = (rows + STRIPS - 1) / STRIPS, strips = (rows + strip_length - 1) / strip_length;
    /* Sums of squares lose no digits around a value near the mean: the average of each strip's first row. */
    for (int64_t c = 0; c < channels; c++) mean[c] = 0;
    for (int64_t strip = 0; strip < strips; strip++)
        for (int64_t c = 0; c < channels; c++)
            mean[c] += TO_ACC(x[strip * strip_length * channels + c]) * (1 / (acc_t)strips);
    NAME(strip_sums)(threads, rows, channels, NULL, x, mean, NULL, NULL, work);
    acc_t *scale = work + 2 * STRIPS * channels;
    for (int64_t start = 0; start < channels; start += LANES) {
        const int64_t count = channels - start < LANES ? channels - start : LANES;
        const double_lanes_t deviation = NAME(sum_over_strips)(work + start, channels, count) / (double)rows;
        const double_lanes_t square = NAME(sum_over_strips)(work + channels + start, channels, count) / (double)rows;
        for (int64_t k = 0; k < count; k++) {
            const int64_t c = start + k;
            NAME(update_running_stats)(
                offset ? offset[c] : 0, mean[c], deviation[k], square[k], (double)rows, eps, momentum, running_mean + c,
                running_variance + c, mean + c, inverse_std + c);
            scale[c] = inverse_std[c] * weight[c];
        }
    }
    NAME(normalize_relu)(threads, rows, channels, x, mean, scale, bias, y);
}

/* Gradients of weight, bias and, unless y is NULL, of the map. `work` has the same size. */
void NAME(batch_norm_relu_backward)(
    int threads, int64_t rows, int64_t channels, const scalar_t *g, const scalar_t *x, const acc_t *weight,
    const acc_t *bias, const acc_t *mean, const acc_t *inverse_std, acc_t *work, acc_t *weight_grad, acc_t *bias_grad,
    scalar_t *y)
{
    acc_t *scale = work + 2 * STRIPS * channels, *deviation_factor = work, *shift = work + channels;
    for (int64_t c = 0; c < channels; c++) scale[c] = inverse_std[c] * weight[c];
    NAME(strip_sums)(threads, rows, channels, g, x, mean, scale, bias, work);
    for (int64_t start = 0; start < channels; start += LANES) {
        const int64_t count = channels - start < LANES ? channels - start : LANES;
        const double_lanes_t gradient = NAME(sum_over_strips)(work + start, channels, count);
        const double_lanes_t product = NAME(sum_over_strips)(work + channels + start, channels, count);
        for (int64_t k = 0; k < count; k++) {
            bias_grad[start + k] = (acc_t)gradient[k];
            weight_grad[start + k] = (acc_t)(product[k] * inverse_std[start + k]);
        }
    }
    if (!y) return;
    for (int64_t c = 0; c < channels; c++) {
        deviation_factor[c] = -scale[c] * inverse_std[c] * weight_grad[c] / (acc_t)rows;
        shift[c] = -scale[c] * bias_grad[c] / (acc_t)rows;
    }
    PARALLEL_FOR_STRIPS {
        STRIP_BOUNDS
        FOR_COLUMN_VECTORS(0, channels, {
            acc_lanes_t centers[vectors], scales[vectors], biases[vectors], factors[vectors], shifts[vectors];
            for (int k = 0; k < vectors; k++) {
                const int64_t at = c + k * LANES;
                centers[k] = NAME(load_acc)(mean + at, count), scales[k] = NAME(load_acc)(scale + at, count);
                biases[k] = NAME(load_acc)(bias + at, count);
                factors[k] = NAME(load_acc)(deviation_factor + at, count);
                shifts[k] = NAME(load_acc)(shift + at, count);
            }
            for (int64_t row = from; row < end; row++)
                for (int k = 0; k < vectors; k++) {
                    const int64_t at = row * channels + c + k * LANES;
                    const acc_lanes_t deviation = NAME(load)(x + at, count) - centers[k];
                    const index_lanes_t is_off = deviation * scales[k] + biases[k] <= 0;
                    const acc_lanes_t gradient =
                        SELECT(acc_lanes_t, is_off, (acc_lanes_t){0}, NAME(load)(g + at, count));
                    NAME(store)(y + at, gradient * scales[k] + (deviation * factors[k] + shifts[k]), count);
                }
        })
    }
}

#undef PARALLEL_FOR_STRIPS
#undef STRIP_BOUNDS
