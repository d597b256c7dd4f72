/* Convolutions from few channels to few with an odd square kernel that keep height and width, for values of type acc_t.
   A library's convolution is made for many channels and slow with one or two.

   Inputs are padded. In each padded channel, row y of `height` x `width` values starts at
   (y + margin) * (width + margin) + margin, with zeros everywhere else up to
   (height + 2 * margin + 1) * (width + margin), where the next channel begins. So a neighbor is a fixed distance away,
   across the border as well. After the last channel BLOCK_SIZE more values may be read. */

#define PADDED_SIZES                                                                             \
    const int64_t margin = kernel / 2 * dilation, pitch = width + margin;                        \
    const int64_t padded_size = (height + 2 * margin + 1) * pitch;                               \
    const int64_t length = (height - 1) * pitch + width;

#define MAX_TAPS_PER_READ 9 /* weights whose gradients are summed in one read of the gradient */
#define TAP_OFFSET(tap) (dilation * ((tap) / kernel * pitch + (tap) % kernel))

/* Copy channels that are `image_stride` and `channel_stride` apart, and pad them with zeros. */
void NAME(pad)(
    int threads, int64_t images, int64_t channels, int64_t height, int64_t width, int64_t margin, int64_t image_stride,
    int64_t channel_stride, const acc_t *x, acc_t *padded)
{
    const int64_t pitch = width + margin, padded_size = (height + 2 * margin + 1) * pitch, jobs = images * channels;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < jobs; job++) {
        const acc_t *from = x + job / channels * image_stride + job % channels * channel_stride;
        acc_t *to = padded + job * padded_size;
        memset(to, 0, (size_t)(padded_size + (job == jobs - 1 ? BLOCK_SIZE : 0)) * sizeof(acc_t));
        for (int64_t row = 0; row < height; row++)
            memcpy(to + (row + margin) * pitch + margin, from + row * width, (size_t)width * sizeof(acc_t));
    }
}

/* y[o] = bias[o] + sum over i of weight[o][i] * x[i]: (images, outputs, height, width), not padded, with images and
   channels `image_stride` and `channel_stride` apart. */
void NAME(convolve)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const acc_t *padded, const acc_t *weight, const acc_t *bias, int64_t image_stride,
    int64_t channel_stride, acc_t *y)
{
    PADDED_SIZES
    const int64_t taps = kernel * kernel;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * outputs; job++) {
        const int64_t n = job / outputs, o = job % outputs;
        acc_t *to = y + n * image_stride + o * channel_stride;
        for (int64_t start = 0; start < length; start += BLOCK_SIZE) {
            acc_lanes_t sums[BLOCK_SIZE / LANES];
            for (int k = 0; k < BLOCK_SIZE / LANES; k++) sums[k] = (acc_lanes_t){0} + (bias ? bias[o] : 0);
            for (int64_t i = 0; i < inputs; i++) {
                const acc_t *weights = weight + (o * inputs + i) * taps;
                const acc_t *from = padded + (n * inputs + i) * padded_size + start;
                for (int64_t row = 0; row < kernel; row++, from += dilation * pitch)
                    for (int64_t column = 0; column < kernel; column++, weights++)
                        for (int k = 0; k < BLOCK_SIZE / LANES; k++)
                            sums[k] += *weights * NAME(load_acc)(from + dilation * column + k * LANES, LANES);
            }
            acc_t values[BLOCK_SIZE];
            memcpy(values, sums, sizeof values);
            const int64_t end = start + BLOCK_SIZE < length ? start + BLOCK_SIZE : length;
            for (int64_t row = start / pitch; row * pitch < end; row++) {
                const int64_t left = row * pitch > start ? row * pitch : start;
                const int64_t right = row * pitch + width < end ? row * pitch + width : end;
                if (left < right)
                    memcpy(
                        to + row * width + left - row * pitch, values + left - start,
                        (size_t)(right - left) * sizeof(acc_t));
            }
        }
    }
}

/* Gradients of `tap_count` weights from `first_tap` on, for one pair of channels; g is read once for all of them. */
static inline __attribute__((always_inline)) void NAME(conv_weight_grad_taps)(
    const int tap_count, int64_t first_tap, int64_t images, int64_t g_stride, int64_t x_stride, int64_t length,
    int64_t pitch, int64_t kernel, int64_t dilation, int may_read_ahead, const acc_t *padded_g, const acc_t *padded_x,
    acc_t *sums)
{
    /* Several sums per weight do not wait for each other, but all of them must stay in registers. */
    enum { max_sums = 2 };
    const int sum_count = max_sums * tap_count <= VECTOR_REGISTERS - 2 ? max_sums : 1;
    acc_lanes_t tap_sums[MAX_TAPS_PER_READ][max_sums];
    int64_t offsets[MAX_TAPS_PER_READ];
    for (int t = 0; t < tap_count; t++) {
        tap_sums[t][0] = tap_sums[t][1] = (acc_lanes_t){0};
        offsets[t] = TAP_OFFSET(first_tap + t);
    }
    for (int64_t n = 0; n < images; n++) {
        const acc_t *g = padded_g + n * g_stride, *x = padded_x + n * x_stride;
        int64_t at = 0;
        for (; at + sum_count * LANES <= length; at += sum_count * LANES)
            for (int k = 0; k < sum_count; k++) {
                const acc_lanes_t gradient = NAME(load_acc)(g + at + k * LANES, LANES);
                for (int t = 0; t < tap_count; t++)
                    tap_sums[t][k] += gradient * NAME(load_acc)(x + offsets[t] + at + k * LANES, LANES);
            }
        for (; at < length; at += LANES) {
            const int64_t count = may_read_ahead ? LANES : length - at;
            const acc_lanes_t gradient = NAME(load_acc)(g + at, count);
            for (int t = 0; t < tap_count; t++)
                tap_sums[t][0] += gradient * NAME(load_acc)(x + offsets[t] + at, count);
        }
    }
    for (int t = 0; t < tap_count; t++) sums[first_tap + t] = NAME(sum_lanes)(tap_sums[t][0] + tap_sums[t][1]);
}

/* The gradient of each weight, summed over groups of IMAGES_PER_GROUP images:
   (groups, outputs, inputs, kernel, kernel). */
void NAME(conv_weight_grad)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const acc_t *padded_x, const acc_t *padded_g, acc_t *sums)
{
    PADDED_SIZES
    const int64_t taps = kernel * kernel, groups = (images + IMAGES_PER_GROUP - 1) / IMAGES_PER_GROUP;
    /* Zeros follow the last value of a channel, usually more than are read beyond its end. */
    const int may_read_ahead = (2 * margin + 1) * pitch + margin >= LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < groups * outputs * inputs; job++) {
        const int64_t i = job % inputs, o = job / inputs % outputs;
        const int64_t first = job / inputs / outputs * IMAGES_PER_GROUP;
        const int64_t group_size = first + IMAGES_PER_GROUP < images ? IMAGES_PER_GROUP : images - first;
        const acc_t *g = padded_g + (first * outputs + o) * padded_size + margin * pitch + margin;
        const acc_t *x = padded_x + (first * inputs + i) * padded_size;
        acc_t *to = sums + job * taps;
#define PROCESS_TAPS(tap_count)                                                                               \
    for (int64_t tap = 0; tap < taps; tap += tap_count)                                                       \
        NAME(conv_weight_grad_taps)(                                                                          \
            tap_count, tap, group_size, outputs * padded_size, inputs * padded_size, length, pitch, kernel,   \
            dilation, may_read_ahead, g, x, to)
        if (kernel == 3) {
            PROCESS_TAPS(9);
        } else if (kernel == 7) {
            PROCESS_TAPS(7);
        } else {
            PROCESS_TAPS(1);
        }
#undef PROCESS_TAPS
    }
}

#undef PADDED_SIZES
#undef MAX_TAPS_PER_READ
#undef TAP_OFFSET
