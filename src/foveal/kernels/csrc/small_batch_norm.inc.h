/* Batch norm of contiguous maps (images, channels, positions) with few channels, for values of type acc_t. A library
   uses one thread per channel. */

/* Sums over the positions of one channel of one image: of x - center and its square, or with g, of g and
   g * (x - center). */
static inline void NAME(channel_sums)(
    int64_t positions, const acc_t *g, const acc_t *x, acc_t center, acc_t *sum, acc_t *product)
{
    acc_lanes_t sums[2] = {0};
    for (int64_t i = 0; i < positions; i += LANES)
        WITH_LANE_COUNT(positions - i, {
            acc_lanes_t deviation = NAME(load_acc)(x + i, count) - center;
            if (count < LANES) /* lanes after the end must not count */
                for (int64_t l = count; l < LANES; l++) deviation[l] = 0;
            const acc_lanes_t values = g ? NAME(load_acc)(g + i, count) : deviation;
            sums[0] += values;
            sums[1] += values * deviation;
        })
    *sum = NAME(sum_lanes)(sums[0]);
    *product = NAME(sum_lanes)(sums[1]);
}

/* y = (x - mean) / sqrt(variance + eps) * weight + bias. Returns mean and inverse standard deviation of each channel,
   and moves the running statistics by `momentum` towards mean and unbiased variance. `work` has the shape
   (2, images, channels). */
void NAME(small_batch_norm_forward)(
    int threads, int64_t images, int64_t channels, int64_t positions, const acc_t *x, const acc_t *weight,
    const acc_t *bias, double eps, double momentum, acc_t *running_mean, acc_t *running_variance, acc_t *work,
    acc_t *mean, acc_t *inverse_std, acc_t *y)
{
    const int64_t jobs = images * channels, count = images * positions;
    for (int64_t c = 0; c < channels; c++) mean[c] = 0;
    for (int64_t job = 0; job < jobs; job++) mean[job % channels] += x[job * positions] * (1 / (acc_t)images);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < jobs; job++)
        NAME(channel_sums)(positions, NULL, x + job * positions, mean[job % channels], work + job, work + jobs + job);
    for (int64_t c = 0; c < channels; c++) {
        double deviation = 0, square = 0;
        for (int64_t job = c; job < jobs; job += channels) deviation += work[job], square += work[jobs + job];
        NAME(update_running_stats)(
            0, mean[c], deviation / (double)count, square / (double)count, (double)count, eps, momentum,
            running_mean + c, running_variance + c, mean + c, inverse_std + c);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < jobs; job++) {
        const int64_t c = job % channels, end = (job + 1) * positions;
        const acc_t scale = inverse_std[c] * weight[c];
        for (int64_t i = job * positions; i < end; i++) y[i] = (x[i] - mean[c]) * scale + bias[c];
    }
}

/* Gradients of the map, weight and bias. `work` has the same size. */
void NAME(small_batch_norm_backward)(
    int threads, int64_t images, int64_t channels, int64_t positions, const acc_t *g, const acc_t *x,
    const acc_t *weight, const acc_t *mean, const acc_t *inverse_std, acc_t *work, acc_t *weight_grad,
    acc_t *bias_grad, acc_t *y)
{
    const int64_t jobs = images * channels, count = images * positions;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < jobs; job++)
        NAME(channel_sums)(
            positions, g + job * positions, x + job * positions, mean[job % channels], work + job, work + jobs + job);
    for (int64_t c = 0; c < channels; c++) {
        double gradient = 0, product = 0;
        for (int64_t job = c; job < jobs; job += channels) gradient += work[job], product += work[jobs + job];
        bias_grad[c] = (acc_t)gradient;
        weight_grad[c] = (acc_t)(product * inverse_std[c]);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < jobs; job++) {
        const int64_t c = job % channels, end = (job + 1) * positions;
        const acc_t scale = inverse_std[c] * weight[c];
        const acc_t deviation_factor = -scale * inverse_std[c] * weight_grad[c] / (acc_t)count;
        const acc_t shift = -scale * bias_grad[c] / (acc_t)count;
        for (int64_t i = job * positions; i < end; i++)
            y[i] = g[i] * scale + ((x[i] - mean[c]) * deviation_factor + shift);
    }
}
