/* The MLP of channel attention, summed over pools, for values of type acc_t. It has so few values that calling a
   library takes longer than computing them.

   The pools are (pools, images, channels), hidden layers (pools, images, width); everything else has no dimension for
   the pools. Weights are (width, channels) and (channels, width), and a missing bias is NULL. */

/* Transpose the second weight to (width, channels). */
static void NAME(transpose)(int64_t channels, int64_t width, const acc_t *weight, acc_t *transposed)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t r = 0; r < width; r++) transposed[r * channels + c] = weight[c * width + r];
}

static inline acc_t NAME(dot_product)(int64_t length, const acc_t *a, const acc_t *b)
{
    acc_lanes_t sum = {0};
    for (int64_t i = 0; i < length; i += LANES)
        WITH_LANE_COUNT(length - i, sum += NAME(load_acc)(a + i, count) * NAME(load_acc)(b + i, count);)
    return NAME(sum_lanes)(sum);
}

/* y += the sum of `width` rows, each times its factor. */
static inline void NAME(add_weighted_rows)(
    int64_t channels, int64_t width, const acc_t *rows, const acc_t *factors, acc_t *y)
{
    for (int64_t i = 0; i < channels; i += LANES)
        WITH_LANE_COUNT(channels - i, {
            acc_lanes_t sum = NAME(load_acc)(y + i, count);
            for (int64_t r = 0; r < width; r++) sum += factors[r] * NAME(load_acc)(rows + r * channels + i, count);
            COPY_LANES(y + i, (const acc_t *)&sum, count);
        })
}

/* One image: hidden = relu(reduce x + reduce_bias) per pool, hidden_sum = its sum over pools, y = sum over pools of
   (expand hidden + expand_bias). `transposed` is the second weight. */
static inline void NAME(mlp_forward_image)(
    int64_t n, int64_t pools, int64_t images, int64_t channels, int64_t width, const acc_t *x, const acc_t *reduce,
    const acc_t *reduce_bias, const acc_t *transposed, const acc_t *expand_bias, acc_t *hidden, acc_t *hidden_sum,
    acc_t *y)
{
    acc_t *sum = hidden_sum + n * width;
    for (int64_t r = 0; r < width; r++) sum[r] = 0;
    for (int64_t k = 0; k < pools; k++) {
        acc_t *pool_hidden = hidden + (k * images + n) * width;
        for (int64_t r = 0; r < width; r++) {
            const acc_t v = NAME(dot_product)(channels, x + (k * images + n) * channels, reduce + r * channels)
                + (reduce_bias ? reduce_bias[r] : 0);
            pool_hidden[r] = v <= 0 ? 0 : v;
            sum[r] += pool_hidden[r];
        }
    }
    acc_t *to = y + n * channels;
    for (int64_t c = 0; c < channels; c++) to[c] = expand_bias ? (acc_t)pools * expand_bias[c] : 0;
    NAME(add_weighted_rows)(channels, width, transposed, sum, to);
}

/* The same for all images. `transposed` is scratch memory for the second weight. */
void NAME(channel_mlp_forward)(
    int threads, int64_t pools, int64_t images, int64_t channels, int64_t width, const acc_t *x, const acc_t *reduce,
    const acc_t *reduce_bias, const acc_t *expand, const acc_t *expand_bias, acc_t *transposed, acc_t *hidden,
    acc_t *hidden_sum, acc_t *y)
{
    NAME(transpose)(channels, width, expand, transposed);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++)
        NAME(mlp_forward_image)(
            n, pools, images, channels, width, x, reduce, reduce_bias, transposed, expand_bias, hidden, hidden_sum, y);
}

/* One image: the gradients of its pools and of its hidden layers, (pools, images, width). */
static inline void NAME(mlp_backward_image)(
    int64_t n, int64_t pools, int64_t images, int64_t channels, int64_t width, const acc_t *g, const acc_t *reduce,
    const acc_t *transposed, const acc_t *hidden, acc_t *hidden_grad, acc_t *x_grad)
{
    for (int64_t r = 0; r < width; r++) {
        const acc_t v = NAME(dot_product)(channels, g + n * channels, transposed + r * channels);
        for (int64_t k = 0; k < pools; k++) {
            const int64_t at = (k * images + n) * width + r;
            hidden_grad[at] = hidden[at] <= 0 ? 0 : v; /* where `hidden` is NaN, the gradient passes */
        }
    }
    for (int64_t k = 0; k < pools; k++) {
        acc_t *to = x_grad + (k * images + n) * channels;
        memset(to, 0, (size_t)channels * sizeof(acc_t));
        NAME(add_weighted_rows)(channels, width, reduce, hidden_grad + (k * images + n) * width, to);
    }
}

/* Gradients of both weights and both biases, summed over all images. */
static void NAME(mlp_weight_grads)(
    int threads, int64_t pools, int64_t images, int64_t channels, int64_t width, const acc_t *g, const acc_t *x,
    const acc_t *hidden_grad, const acc_t *hidden_sum, acc_t *reduce_grad, acc_t *reduce_bias_grad,
    acc_t *expand_grad, acc_t *expand_bias_grad)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < width; r++) {
        acc_t bias = 0;
        for (int64_t at = 0; at < pools * images; at++) bias += hidden_grad[at * width + r];
        reduce_bias_grad[r] = bias;
        for (int64_t i = 0; i < channels; i += LANES)
            WITH_LANE_COUNT(channels - i, {
                acc_lanes_t first = {0}, second = {0};
                for (int64_t at = 0; at < pools * images; at++)
                    first += hidden_grad[at * width + r] * NAME(load_acc)(x + at * channels + i, count);
                for (int64_t n = 0; n < images; n++)
                    second += hidden_sum[n * width + r] * NAME(load_acc)(g + n * channels + i, count);
                COPY_LANES(reduce_grad + r * channels + i, (const acc_t *)&first, count);
                for (int64_t k = 0; k < count; k++) expand_grad[(i + k) * width + r] = second[k];
            })
    }
    for (int64_t i = 0; i < channels; i += LANES)
        WITH_LANE_COUNT(channels - i, {
            acc_lanes_t bias = {0};
            for (int64_t n = 0; n < images; n++) bias += NAME(load_acc)(g + n * channels + i, count);
            bias *= (acc_t)pools;
            COPY_LANES(expand_bias_grad + i, (const acc_t *)&bias, count);
        })
}

/* Gradients of the pools, both weights and both biases. `hidden_grad` (pools, images, width) is scratch memory. */
void NAME(channel_mlp_backward)(
    int threads, int64_t pools, int64_t images, int64_t channels, int64_t width, const acc_t *g, const acc_t *x,
    const acc_t *reduce, const acc_t *expand, const acc_t *hidden, const acc_t *hidden_sum, acc_t *transposed,
    acc_t *hidden_grad, acc_t *x_grad, acc_t *reduce_grad, acc_t *reduce_bias_grad, acc_t *expand_grad,
    acc_t *expand_bias_grad)
{
    NAME(transpose)(channels, width, expand, transposed);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++)
        NAME(mlp_backward_image)(
            n, pools, images, channels, width, g, reduce, transposed, hidden, hidden_grad, x_grad);
    NAME(mlp_weight_grads)(
        threads, pools, images, channels, width, g, x, hidden_grad, hidden_sum, reduce_grad, reduce_bias_grad,
        expand_grad, expand_bias_grad);
}

/* Replace values by their sigmoid. */
static inline void NAME(apply_sigmoid)(int64_t length, acc_t *values)
{
    for (int64_t i = 0; i < length; i += LANES)
        WITH_LANE_COUNT(length - i, {
            const acc_lanes_t results = SIGMOID_LANES(NAME(load_acc)(values + i, count));
            COPY_LANES(values + i, (const acc_t *)&results, count);
        })
}
