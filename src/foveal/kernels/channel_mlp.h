/* The network of channel attention, for values of type A; included once a type by kernels.c. Of an image's pools, which
   are few, a hidden layer of even fewer values is made, the same for all pools, and their sum is what counts: a library
   takes longer to be asked than this takes.

   pools (pools, images, channels), hidden (pools, images, width), all else without pools. Weights are (width, channels)
   and (channels, width), biases NULL where there are none. */

/* The second weights as (width, channels). */
static void NAME(turn)(int64_t channels, int64_t width, const A *weight, A *turned)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t r = 0; r < width; r++) turned[r * channels + c] = weight[c * width + r];
}

static inline A NAME(product)(int64_t length, const A *one, const A *other)
{
    LANE_VALUES sum = {0};
    for (int64_t i = 0; i < length; i += LANES)
        WITH_COUNT(length - i, sum += NAME(weights)(one + i, count) * NAME(weights)(other + i, count);)
    return NAME(total)(sum);
}

/* y += the sum of `width` rows, each times its factor. */
static inline void NAME(add_rows)(int64_t channels, int64_t width, const A *rows, const A *factors, A *y)
{
    for (int64_t i = 0; i < channels; i += LANES)
        WITH_COUNT(channels - i, {
            LANE_VALUES sum = NAME(weights)(y + i, count);
            for (int64_t r = 0; r < width; r++) sum += factors[r] * NAME(weights)(rows + r * channels + i, count);
            COPY_LANES(y + i, (const A *)&sum, count);
        })
}

/* hidden = relu(reduce pools + bias), y = sum over pools of expand hidden + bias. `all` is the sum of `hidden` over
   pools, `turned` room for the second weights. */
void NAME(mlp)(
    int threads, int64_t pools, int64_t images, int64_t channels, int64_t width, const A *x, const A *reduce,
    const A *reduce_bias, const A *expand, const A *expand_bias, A *turned, A *hidden, A *all, A *y)
{
    NAME(turn)(channels, width, expand, turned);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        A *sum = all + n * width;
        for (int64_t r = 0; r < width; r++) sum[r] = 0;
        for (int64_t k = 0; k < pools; k++) {
            A *own = hidden + (k * images + n) * width;
            for (int64_t r = 0; r < width; r++) {
                const A v = NAME(product)(channels, x + (k * images + n) * channels, reduce + r * channels)
                    + (reduce_bias ? reduce_bias[r] : 0);
                own[r] = v <= 0 ? 0 : v;
                sum[r] += own[r];
            }
        }
        A *to = y + n * channels;
        for (int64_t c = 0; c < channels; c++) to[c] = expand_bias ? (A)pools * expand_bias[c] : 0;
        NAME(add_rows)(channels, width, turned, sum, to);
    }
}

/* Its gradients. `given` is room for the gradient of the hidden layer, (pools, images, width). */
void NAME(mlp_backward)(
    int threads, int64_t pools, int64_t images, int64_t channels, int64_t width, const A *g, const A *x,
    const A *reduce, const A *expand, const A *hidden, const A *all, A *turned, A *given, A *of_x, A *of_reduce,
    A *of_reduce_bias, A *of_expand, A *of_expand_bias)
{
    NAME(turn)(channels, width, expand, turned);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        for (int64_t r = 0; r < width; r++) {
            const A v = NAME(product)(channels, g + n * channels, turned + r * channels);
            for (int64_t k = 0; k < pools; k++) {
                const int64_t at = (k * images + n) * width + r;
                given[at] = hidden[at] <= 0 ? 0 : v; /* what is no number stays none */
            }
        }
        for (int64_t k = 0; k < pools; k++) {
            A *to = of_x + (k * images + n) * channels;
            memset(to, 0, (size_t)channels * sizeof(A));
            NAME(add_rows)(channels, width, reduce, given + (k * images + n) * width, to);
        }
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < width; r++) {
        A bias = 0;
        for (int64_t at = 0; at < pools * images; at++) bias += given[at * width + r];
        of_reduce_bias[r] = bias;
        for (int64_t i = 0; i < channels; i += LANES)
            WITH_COUNT(channels - i, {
                LANE_VALUES first = {0}, second = {0};
                for (int64_t at = 0; at < pools * images; at++)
                    first += given[at * width + r] * NAME(weights)(x + at * channels + i, count);
                for (int64_t n = 0; n < images; n++)
                    second += all[n * width + r] * NAME(weights)(g + n * channels + i, count);
                COPY_LANES(of_reduce + r * channels + i, (const A *)&first, count);
                for (int64_t k = 0; k < count; k++) of_expand[(i + k) * width + r] = second[k];
            })
    }
    for (int64_t i = 0; i < channels; i += LANES)
        WITH_COUNT(channels - i, {
            LANE_VALUES bias = {0};
            for (int64_t n = 0; n < images; n++) bias += NAME(weights)(g + n * channels + i, count);
            bias *= (A)pools;
            COPY_LANES(of_expand_bias + i, (const A *)&bias, count);
        })
}
