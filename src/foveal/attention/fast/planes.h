/* Convolutions from few planes to few, as gates have them, for values of type A; included once a type by
   gates.c. A library's convolution is made for many channels, and with one or two takes ten times as long.

   Planes come padded: row y of a plane of `height` x `width` lies at (y + reach) * (width + reach) + reach,
   with zeros everywhere else up to (height + 2 * reach + 1) * (width + reach), where the next plane begins.
   So a neighbour is a fixed distance away, over the edge too. Behind the last plane BLOCK values may be read. */

#define PLANES                                                                                   \
    const int64_t reach = kernel / 2 * dilation, pitch = width + reach;                          \
    const int64_t plane = (height + 2 * reach + 1) * pitch, length = (height - 1) * pitch + width;

#define AWAY(tap) (dilation * ((tap) / kernel * pitch + (tap) % kernel))

/* y[o] = bias[o] + sum over i of weight[o][i] * x[i]: (images, outputs, height, width), not padded. */
void NAME(convolve)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const A *padded, const A *weight, const A *bias, A *y)
{
    PLANES
    const int64_t taps = kernel * kernel;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * outputs; job++) {
        const int64_t n = job / outputs, o = job % outputs;
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
                        y + (job * height + row) * width + left - row * pitch, values + left - start,
                        (size_t)(right - left) * sizeof(A));
            }
        }
    }
}

/* The gradient of each weight, an image at a time: (images, outputs, inputs, kernel, kernel). */
void NAME(correlate)(
    int threads, int64_t images, int64_t inputs, int64_t outputs, int64_t height, int64_t width, int64_t kernel,
    int64_t dilation, const A *padded, const A *given, A *sums)
{
    PLANES
    const int64_t taps = kernel * kernel;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * outputs * inputs; job++) {
        const int64_t i = job % inputs, place = job / inputs, n = place / outputs;
        const A *g = given + place * plane + reach * pitch + reach, *x = padded + (n * inputs + i) * plane;
        for (int64_t tap = 0; tap < taps; tap++) {
            const A *from = x + AWAY(tap);
            LANE_VALUES sum = {0};
            int64_t at = 0;
            for (; at + LANES <= length; at += LANES) sum += NAME(weights)(g + at, LANES) * NAME(weights)(from + at, LANES);
            if (at < length) sum += NAME(weights)(g + at, length - at) * NAME(weights)(from + at, length - at);
            sums[job * taps + tap] = NAME(total)(sum);
        }
    }
}

#undef PLANES
#undef AWAY
