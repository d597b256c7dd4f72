/* 2x2 max pooling of channels_last maps of one dtype. A library saves the map and an 8-byte index per window for the
   gradient; one byte is enough to name one of four values. If height or width is odd, the last row or column is in no
   window. */

#define WINDOW 2

/* The maximum of each window and its index in the window, row by row: (images, height / 2, width / 2, channels). The
   first of equal values counts as the maximum, and NaN is greater than any number. */
void NAME(max_pool_forward)(
    int threads, int64_t images, int64_t height, int64_t width, int64_t channels, const scalar_t *x, scalar_t *y,
    uint8_t *argmax)
{
    const int64_t rows = height / WINDOW, columns = width / WINDOW;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * rows; job++) {
        const scalar_t *from = x + (job / rows * height + job % rows * WINDOW) * width * channels;
        for (int64_t column = 0; column < columns; column++)
            for (int64_t c = 0; c < channels; c += LANES)
                WITH_LANE_COUNT(channels - c, {
                    const int64_t to = (job * columns + column) * channels + c;
                    acc_lanes_t max = {0};
                    index_lanes_t index = {0};
                    for (int k = 0; k < WINDOW * WINDOW; k++) {
                        const int64_t at = k / WINDOW * width + column * WINDOW + k % WINDOW;
                        const acc_lanes_t values = NAME(load)(from + at * channels + c, count);
                        const index_lanes_t is_better =
                            k == 0 ? (index_lanes_t){0} - 1 : (values > max) | (values != values);
                        max = SELECT(acc_lanes_t, is_better, values, max);
                        index = SELECT(index_lanes_t, is_better, (index_lanes_t){0} + k, index);
                    }
                    const scalar_lanes_t raw = FROM_ACC_LANES_EXACT(max);
                    COPY_LANES(y + to, (const scalar_t *)&raw, count);
                    const u8_lanes_t indices = TO_BYTES(index);
                    COPY_LANES(argmax + to, (const uint8_t *)&indices, count);
                })
    }
}

/* Gradient of the map: each window's gradient at the index of its maximum, zero elsewhere. */
void NAME(max_pool_backward)(
    int threads, int64_t images, int64_t height, int64_t width, int64_t channels, const scalar_t *g,
    const uint8_t *argmax, scalar_t *y)
{
    const int64_t rows = height / WINDOW, columns = width / WINDOW;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * height; job++) {
        const int64_t row = job % height, first = (job / height * rows + row / WINDOW) * columns;
        scalar_t *to = y + job * width * channels;
        if (row >= rows * WINDOW) {
            memset(to, 0, (size_t)(width * channels) * sizeof(scalar_t));
            continue;
        }
        memset(
            to + columns * WINDOW * channels, 0, (size_t)((width - columns * WINDOW) * channels) * sizeof(scalar_t));
        WITH_CONSTANT_LENGTH(channels, {
            for (int64_t column = 0; column < columns; column++)
                for (int64_t c = 0; c < channels; c += LANES)
                    WITH_LANE_COUNT(channels - c, {
                        const int64_t from = (first + column) * channels + c;
                        u8_lanes_t indices = {0};
                        COPY_LANES(&indices, argmax + from, count);
                        const index_lanes_t index = __builtin_convertvector(indices, index_lanes_t);
                        const acc_lanes_t gradient = NAME(load)(g + from, count);
                        for (int k = 0; k < WINDOW; k++) {
                            const index_lanes_t is_max =
                                index == (index_lanes_t){0} + (index_t)(row % WINDOW * WINDOW + k);
                            const scalar_lanes_t raw =
                                FROM_ACC_LANES_EXACT(SELECT(acc_lanes_t, is_max, gradient, (acc_lanes_t){0}));
                            COPY_LANES(to + (column * WINDOW + k) * channels + c, (const scalar_t *)&raw, count);
                        }
                    })
        })
    }
}

#undef WINDOW
