/* Convolutions from few planes to few, as gates have them, and their batch norm, for values of type A; included once a
   type by kernels.c. A library's convolution is made for many channels, and slow with one or two; its norm takes one
   thread a channel.

   Planes come padded: row y of a plane of `height` x `width` lies at (y + reach) * (width + reach) + reach,
   with zeros everywhere else up to (height + 2 * reach + 1) * (width + reach), where the next plane begins.
   So a neighbor is a fixed distance away, over the edge too. Behind the last plane BLOCK values may be read. */

#define PLANES                                                                                   \
    const int64_t reach = kernel / 2 * dilation, pitch = width + reach;                          \
    const int64_t plane = (height + 2 * reach + 1) * pitch, length = (height - 1) * pitch + width;

#define MOST_TAPS 9 /* weights whose gradients are summed by one read of the gradient */
#define AWAY(tap) (dilation * ((tap) / kernel * pitch + (tap) % kernel))

/* Planes with zeros around them. They come at a distance of `next_image` and `next_plane`. */
void NAME(pad)(
    int threads, int64_t images, int64_t inputs, int64_t height, int64_t width, int64_t reach, int64_t next_image,
    int64_t next_plane, const A *x, A *padded)
{
    const int64_t pitch = width + reach, plane = (height + 2 * reach + 1) * pitch, planes = images * inputs;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < planes; job++) {
        const A *from = x + job / inputs * next_image + job % inputs * next_plane;
        A *to = padded + job * plane;
        memset(to, 0, (size_t)(plane + (job == planes - 1 ? BLOCK : 0)) * sizeof(A));
        for (int64_t row = 0; row < height; row++)
            memcpy(to + (row + reach) * pitch + reach, from + row * width, (size_t)width * sizeof(A));
    }
}

/* y[o] = bias[o] + sum over i of weight[o][i] * x[i]: (images, outputs, height, width), not padded, at a distance of
   `next_image` and `next_plane`. */
void NAME(convolve)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const A *padded, const A *weight, const A *bias, int64_t next_image, int64_t next_plane, A *y)
{
    PLANES
    const int64_t taps = kernel * kernel;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * outputs; job++) {
        const int64_t n = job / outputs, o = job % outputs;
        A *to = y + n * next_image + o * next_plane;
        for (int64_t start = 0; start < length; start += BLOCK) {
            LANE_VALUES sums[BLOCK / LANES];
            for (int part = 0; part < BLOCK / LANES; part++) sums[part] = (LANE_VALUES){0} + (bias ? bias[o] : 0);
            for (int64_t i = 0; i < inputs; i++) {
                const A *own = weight + (o * inputs + i) * taps, *from = padded + (n * inputs + i) * plane + start;
                for (int64_t tap = 0; tap < taps; tap++)
                    for (int part = 0; part < BLOCK / LANES; part++)
                        sums[part] += own[tap] * NAME(weights)(from + AWAY(tap) + part * LANES, LANES);
            }
            A values[BLOCK];
            memcpy(values, sums, sizeof values);
            const int64_t end = start + BLOCK < length ? start + BLOCK : length;
            for (int64_t row = start / pitch; row * pitch < end; row++) {
                const int64_t left = row * pitch > start ? row * pitch : start;
                const int64_t right = row * pitch + width < end ? row * pitch + width : end;
                if (left < right)
                    memcpy(
                        to + row * width + left - row * pitch, values + left - start,
                        (size_t)(right - left) * sizeof(A));
            }
        }
    }
}

/* The gradients of `some` weights from `tap` on of one pair of planes: g is read once for all of them. */
static inline __attribute__((always_inline)) void NAME(correlate_some)(
    const int some, int64_t tap, int64_t images, int64_t g_step, int64_t x_step, int64_t length, int64_t pitch,
    int64_t kernel, int64_t dilation, int is_wide, const A *given, const A *padded, A *sums)
{
    LANE_VALUES parts[MOST_TAPS][2]; /* of each weight two sums that do not wait for each other */
    int64_t away[MOST_TAPS];
    for (int t = 0; t < some; t++) {
        parts[t][0] = parts[t][1] = (LANE_VALUES){0};
        away[t] = AWAY(tap + t);
    }
    for (int64_t n = 0; n < images; n++) {
        const A *g = given + n * g_step, *x = padded + n * x_step;
        int64_t at = 0;
        for (; at + 2 * LANES <= length; at += 2 * LANES)
            for (int k = 0; k < 2; k++) {
                const LANE_VALUES own = NAME(weights)(g + at + k * LANES, LANES);
                for (int t = 0; t < some; t++)
                    parts[t][k] += own * NAME(weights)(x + away[t] + at + k * LANES, LANES);
            }
        for (; at < length; at += LANES) {
            const int64_t count = is_wide ? LANES : length - at;
            const LANE_VALUES own = NAME(weights)(g + at, count);
            for (int t = 0; t < some; t++) parts[t][0] += own * NAME(weights)(x + away[t] + at, count);
        }
    }
    for (int t = 0; t < some; t++) sums[tap + t] = NAME(total)(parts[t][0] + parts[t][1]);
}

/* The gradient of each weight, TOGETHER images at a time: (groups, outputs, inputs, kernel, kernel). */
void NAME(correlate)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const A *padded, const A *given, A *sums)
{
    PLANES
    const int64_t taps = kernel * kernel, groups = (images + TOGETHER - 1) / TOGETHER;
    /* Behind the last value of a plane come zeros, as a rule more than are read too many. */
    const int is_wide = (2 * reach + 1) * pitch + reach >= LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < groups * outputs * inputs; job++) {
        const int64_t i = job % inputs, o = job / inputs % outputs, first = job / inputs / outputs * TOGETHER;
        const int64_t own = first + TOGETHER < images ? TOGETHER : images - first;
        const A *g = given + (first * outputs + o) * plane + reach * pitch + reach;
        const A *x = padded + (first * inputs + i) * plane;
        A *to = sums + job * taps;
#define SOME(some)                                                                                            \
    for (int64_t tap = 0; tap < taps; tap += some)                                                            \
        NAME(correlate_some)(                                                                                 \
            some, tap, own, outputs * plane, inputs * plane, length, pitch, kernel, dilation, is_wide, g, x, to)
        if (kernel == 3) {
            SOME(9);
        } else if (kernel == 7) {
            SOME(7);
        } else {
            SOME(1);
        }
#undef SOME
    }
}

/* Sums over a plane of x - about and its square, or where there is a g, of g and g * (x - about). */
static inline void NAME(plane_sums)(int64_t positions, const A *g, const A *x, A about, A *sum, A *product)
{
    LANE_VALUES all[2] = {0};
    for (int64_t i = 0; i < positions; i += LANES)
        WITH_COUNT(positions - i, {
            LANE_VALUES away = NAME(weights)(x + i, count) - about;
            if (count < LANES) /* what is behind the end counts for nothing */
                for (int64_t l = count; l < LANES; l++) away[l] = 0;
            const LANE_VALUES with = g ? NAME(weights)(g + i, count) : away;
            all[0] += with;
            all[1] += with * away;
        })
    *sum = NAME(total)(all[0]);
    *product = NAME(total)(all[1]);
}

/* Batch norm of (images, channels, positions). Mean and inverse deviation of each channel are given back; the running
   ones move by `momentum` to mean and unbiased variance. `work` is (2, images, channels). */
void NAME(norm_planes)(
    int threads, int64_t images, int64_t channels, int64_t positions, const A *x, const A *weight, const A *bias,
    double eps, double momentum, A *running_mean, A *running_variance, A *work, A *mean, A *inverse, A *y)
{
    const int64_t planes = images * channels, count = images * positions;
    for (int64_t c = 0; c < channels; c++) mean[c] = 0;
    for (int64_t job = 0; job < planes; job++) mean[job % channels] += x[job * positions] * (1 / (A)images);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < planes; job++)
        NAME(plane_sums)(positions, NULL, x + job * positions, mean[job % channels], work + job, work + planes + job);
    for (int64_t c = 0; c < channels; c++) {
        double away = 0, square = 0;
        for (int64_t job = c; job < planes; job += channels) away += work[job], square += work[planes + job];
        NAME(settle)(
            0, mean[c], away / (double)count, square / (double)count, (double)count, eps, momentum, running_mean + c,
            running_variance + c, mean + c, inverse + c);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < planes; job++) {
        const int64_t c = job % channels, end = (job + 1) * positions;
        const A scale = inverse[c] * weight[c];
        for (int64_t i = job * positions; i < end; i++) y[i] = (x[i] - mean[c]) * scale + bias[c];
    }
}

/* Its gradients. `work` is as large. */
void NAME(norm_planes_backward)(
    int threads, int64_t images, int64_t channels, int64_t positions, const A *g, const A *x, const A *weight,
    const A *mean, const A *inverse, A *work, A *of_weight, A *of_bias, A *y)
{
    const int64_t planes = images * channels, count = images * positions;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < planes; job++)
        NAME(plane_sums)(
            positions, g + job * positions, x + job * positions, mean[job % channels], work + job, work + planes + job);
    for (int64_t c = 0; c < channels; c++) {
        double given = 0, product = 0;
        for (int64_t job = c; job < planes; job += channels) given += work[job], product += work[planes + job];
        of_bias[c] = (A)given;
        of_weight[c] = (A)(product * inverse[c]);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < planes; job++) {
        const int64_t c = job % channels, end = (job + 1) * positions;
        const A scale = inverse[c] * weight[c], back = -scale * inverse[c] * of_weight[c] / (A)count;
        const A all = -scale * of_bias[c] / (A)count;
        for (int64_t i = job * positions; i < end; i++) y[i] = g[i] * scale + ((x[i] - mean[c]) * back + all);
    }
}

#undef PLANES
#undef MOST_TAPS
#undef AWAY
