/* Batch norm and the ReLU behind it of maps of type T whose channels lie side by side; included once a type by
   kernels.c. Such a map is a matrix of `rows`, one a position of an image, and of one column a channel. All images are
   one batch, so the rows are cut into strips, always as many: what each sums up is added in their order. */

#define STRIPS 64

#define FOR_STRIPS                                                                               \
    const int64_t share = (rows + STRIPS - 1) / STRIPS;                                          \
    _Pragma("omp parallel for num_threads(threads) schedule(static)")                            \
    for (int64_t strip = 0; strip < STRIPS; strip++)

#define STRIP const int64_t from = strip * share, end = from + share < rows ? from + share : rows;

/* Sums over each strip and channel, (STRIPS, 2, channels): of x - about and its square, or where there is a g, of g
   and g * (x - about), g taken for zero where (x - about) * scale + bias is not above it. */
static void NAME(norm_sums)(
    int threads, int64_t rows, int64_t channels, const T *g, const T *x, const A *about, const A *scale, const A *bias,
    A *sums)
{
    FOR_STRIPS {
        STRIP
        A *to = sums + strip * 2 * channels;
        FOR_COLUMNS(0, channels, {
            LANE_VALUES middle[wide], factor[wide], more[wide], total[2][wide] = {0};
            for (int k = 0; k < wide; k++) {
                const int64_t at = c + k * LANES;
                middle[k] = NAME(weights)(about + at, count);
                factor[k] = g ? NAME(weights)(scale + at, count) : (LANE_VALUES){0};
                more[k] = g ? NAME(weights)(bias + at, count) : (LANE_VALUES){0};
            }
            for (int64_t group = from; group < end; group += GROUP) {
                const int64_t last = group + GROUP < end ? group + GROUP : end;
                LANE_VALUES sum[2][wide] = {0};
                for (int64_t row = group; row < last; row++)
                    for (int k = 0; k < wide; k++) {
                        const int64_t at = row * channels + c + k * LANES;
                        const LANE_VALUES away = NAME(load)(x + at, count) - middle[k];
                        LANE_VALUES with = away;
                        if (g) {
                            const LANE_PLACES shut = away * factor[k] + more[k] <= 0;
                            with = CHOSEN(LANE_VALUES, shut, (LANE_VALUES){0}, NAME(load)(g + at, count));
                        }
                        sum[0][k] += with;
                        sum[1][k] += with * away;
                    }
                for (int k = 0; k < wide; k++) total[0][k] += sum[0][k], total[1][k] += sum[1][k];
            }
            for (int k = 0; k < wide; k++) {
                COPY_LANES(to + c + k * LANES, (const A *)&total[0][k], count);
                COPY_LANES(to + channels + c + k * LANES, (const A *)&total[1][k], count);
            }
        })
    }
}

/* What one of these sums is in all strips, for as many channels as there are lanes or the first `count`. */
static inline vector_of_double NAME(over_strips)(const A *sums, int64_t channels, int64_t count)
{
    vector_of_double sum = {0};
    for (int64_t strip = 0; strip < STRIPS; strip++)
        sum += __builtin_convertvector(NAME(weights)(sums + strip * 2 * channels, count), vector_of_double);
    return sum;
}

/* y = (x - about) * scale + bias where that is above zero, else zero; what is no number stays none. */
void NAME(norm_relu)(
    int threads, int64_t rows, int64_t channels, const T *x, const A *about, const A *scale, const A *bias, T *y)
{
    FOR_STRIPS {
        STRIP
        FOR_COLUMNS(0, channels, {
            LANE_VALUES middle[wide], factor[wide], more[wide];
            for (int k = 0; k < wide; k++) {
                const int64_t at = c + k * LANES;
                middle[k] = NAME(weights)(about + at, count), factor[k] = NAME(weights)(scale + at, count);
                more[k] = NAME(weights)(bias + at, count);
            }
            for (int64_t row = from; row < end; row++)
                for (int k = 0; k < wide; k++) {
                    const int64_t at = row * channels + c + k * LANES;
                    const LANE_VALUES values = (NAME(load)(x + at, count) - middle[k]) * factor[k] + more[k];
                    NAME(store)(y + at, CHOSEN(LANE_VALUES, values <= 0, (LANE_VALUES){0}, values), count);
                }
        })
    }
}

/* Mean, inverse deviation and running values of a channel: from a value `about` which its `count` values are `away` on
   average, with the average `square` of that. The running mean is that of the values and what is to be `added`. */
static inline void NAME(settle)(
    double added, double about, double away, double square, double count, double eps, double momentum, A *running_mean,
    A *running_variance, A *mean, A *inverse)
{
    const double exact = square - away * away, variance = exact < 0 ? 0 : exact;
    const double middle = about + away, unbiased = variance * count / (count - 1);
    *running_mean += (A)(momentum * (middle + added - *running_mean));
    *running_variance += (A)(momentum * (unbiased - *running_variance));
    *mean = (A)middle;
    *inverse = (A)(1 / sqrt(variance + eps));
}

/* `norm_relu` about the mean of the batch, `scale` being weight / sqrt(variance + eps). Mean and inverse deviation are
   given back; the running ones move by `momentum` to mean and unbiased variance. What is `added` to all values of a
   channel, NULL for nothing, shows in its running mean alone. `work` is (2 * STRIPS + 1, channels). */
void NAME(norm_relu_forward)(
    int threads, int64_t rows, int64_t channels, const T *x, const A *added, const A *weight, const A *bias, double eps,
    double momentum, A *running_mean, A *running_variance, A *work, A *mean, A *inverse, T *y)
{
    const int64_t share = (rows + STRIPS - 1) / STRIPS, some = (rows + share - 1) / share;
    /* Sums of squares lose no digit about a value near the mean: that of the first row of each strip. */
    for (int64_t c = 0; c < channels; c++) mean[c] = 0;
    for (int64_t strip = 0; strip < some; strip++)
        for (int64_t c = 0; c < channels; c++) mean[c] += LOAD(x[strip * share * channels + c]) * (1 / (A)some);
    NAME(norm_sums)(threads, rows, channels, NULL, x, mean, NULL, NULL, work);
    A *scale = work + 2 * STRIPS * channels;
    for (int64_t start = 0; start < channels; start += LANES) {
        const int64_t count = channels - start < LANES ? channels - start : LANES;
        const vector_of_double away = NAME(over_strips)(work + start, channels, count) / (double)rows;
        const vector_of_double square = NAME(over_strips)(work + channels + start, channels, count) / (double)rows;
        for (int64_t k = 0; k < count; k++) {
            const int64_t c = start + k;
            NAME(settle)(
                added ? added[c] : 0, mean[c], away[k], square[k], (double)rows, eps, momentum, running_mean + c,
                running_variance + c, mean + c, inverse + c);
            scale[c] = inverse[c] * weight[c];
        }
    }
    NAME(norm_relu)(threads, rows, channels, x, mean, scale, bias, y);
}

/* Its gradients; that of the map only where there is a y. `work` is as large. */
void NAME(norm_relu_backward)(
    int threads, int64_t rows, int64_t channels, const T *g, const T *x, const A *weight, const A *bias, const A *mean,
    const A *inverse, A *work, A *of_weight, A *of_bias, T *y)
{
    A *scale = work + 2 * STRIPS * channels, *of_x = work, *shift = work + channels;
    for (int64_t c = 0; c < channels; c++) scale[c] = inverse[c] * weight[c];
    NAME(norm_sums)(threads, rows, channels, g, x, mean, scale, bias, work);
    for (int64_t start = 0; start < channels; start += LANES) {
        const int64_t count = channels - start < LANES ? channels - start : LANES;
        const vector_of_double given = NAME(over_strips)(work + start, channels, count);
        const vector_of_double product = NAME(over_strips)(work + channels + start, channels, count);
        for (int64_t k = 0; k < count; k++) {
            of_bias[start + k] = (A)given[k];
            of_weight[start + k] = (A)(product[k] * inverse[start + k]);
        }
    }
    if (!y) return;
    for (int64_t c = 0; c < channels; c++) {
        of_x[c] = -scale[c] * inverse[c] * of_weight[c] / (A)rows;
        shift[c] = -scale[c] * of_bias[c] / (A)rows;
    }
    FOR_STRIPS {
        STRIP
        FOR_COLUMNS(0, channels, {
            LANE_VALUES middle[wide], factor[wide], more[wide], back[wide], all[wide];
            for (int k = 0; k < wide; k++) {
                const int64_t at = c + k * LANES;
                middle[k] = NAME(weights)(mean + at, count), factor[k] = NAME(weights)(scale + at, count);
                more[k] = NAME(weights)(bias + at, count);
                back[k] = NAME(weights)(of_x + at, count), all[k] = NAME(weights)(shift + at, count);
            }
            for (int64_t row = from; row < end; row++)
                for (int k = 0; k < wide; k++) {
                    const int64_t at = row * channels + c + k * LANES;
                    const LANE_VALUES away = NAME(load)(x + at, count) - middle[k];
                    const LANE_PLACES shut = away * factor[k] + more[k] <= 0;
                    const LANE_VALUES with = CHOSEN(LANE_VALUES, shut, (LANE_VALUES){0}, NAME(load)(g + at, count));
                    NAME(store)(y + at, with * factor[k] + (away * back[k] + all[k]), count);
                }
        })
    }
}

#undef FOR_STRIPS
#undef STRIP
#undef STRIPS
