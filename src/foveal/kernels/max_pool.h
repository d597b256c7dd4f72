/* The greatest of each 2 x 2 window of maps of type T whose channels lie side by side; included once a type by
   kernels.c. A library keeps the map and a place of eight bytes for the gradient; here one byte says which of the
   four values a window's greatest was. A last row or column of an odd number is in no window. */

#define WINDOW 2

/* Of equal values the first is greatest, and what is no number is greater than all others: (images, height / 2,
   width / 2, channels), and of each which of its window it is, row by row. */
void NAME(greatest_of_windows)(
    int threads, int64_t images, int64_t height, int64_t width, int64_t channels, const T *x, T *y, uint8_t *which)
{
    const int64_t rows = height / WINDOW, columns = width / WINDOW;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * rows; job++) {
        const T *from = x + (job / rows * height + job % rows * WINDOW) * width * channels;
        for (int64_t column = 0; column < columns; column++)
            for (int64_t c = 0; c < channels; c += LANES)
                WITH_COUNT(channels - c, {
                    const int64_t to = (job * columns + column) * channels + c;
                    LANE_VALUES most = {0};
                    LANE_PLACES where = {0};
                    for (int k = 0; k < WINDOW * WINDOW; k++) {
                        const int64_t at = k / WINDOW * width + column * WINDOW + k % WINDOW;
                        const LANE_VALUES values = NAME(load)(from + at * channels + c, count);
                        const LANE_PLACES better = k == 0 ? (LANE_PLACES){0} - 1 : (values > most) | (values != values);
                        most = CHOSEN(LANE_VALUES, better, values, most);
                        where = CHOSEN(LANE_PLACES, better, (LANE_PLACES){0} + k, where);
                    }
                    const VECTOR_OF_T raw = NARROWED_BACK(most);
                    COPY_LANES(y + to, (const T *)&raw, count);
                    const vector_of_uint8 places = __builtin_convertvector(where, vector_of_uint8);
                    COPY_LANES(which + to, (const uint8_t *)&places, count);
                })
    }
}

/* Its gradient: each window's goes to the value that was greatest, zero to all others. */
void NAME(spread_to_windows)(
    int threads, int64_t images, int64_t height, int64_t width, int64_t channels, const T *g, const uint8_t *which,
    T *y)
{
    const int64_t rows = height / WINDOW, columns = width / WINDOW;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t job = 0; job < images * height; job++) {
        const int64_t row = job % height, first = (job / height * rows + row / WINDOW) * columns;
        T *to = y + job * width * channels;
        if (row >= rows * WINDOW) {
            memset(to, 0, (size_t)(width * channels) * sizeof(T));
            continue;
        }
        memset(to + columns * WINDOW * channels, 0, (size_t)((width - columns * WINDOW) * channels) * sizeof(T));
        WITH_LENGTH(channels, {
            for (int64_t column = 0; column < columns; column++)
                for (int64_t c = 0; c < channels; c += LANES)
                    WITH_COUNT(channels - c, {
                        const int64_t from = (first + column) * channels + c;
                        vector_of_uint8 places = {0};
                        COPY_LANES(&places, which + from, count);
                        const LANE_PLACES where = __builtin_convertvector(places, LANE_PLACES);
                        const LANE_VALUES given = NAME(load)(g + from, count);
                        for (int k = 0; k < WINDOW; k++) {
                            const LANE_PLACES is_it = where == (LANE_PLACES){0} + (I)(row % WINDOW * WINDOW + k);
                            const VECTOR_OF_T raw = NARROWED_BACK(CHOSEN(LANE_VALUES, is_it, given, (LANE_VALUES){0}));
                            COPY_LANES(to + (column * WINDOW + k) * channels + c, (const T *)&raw, count);
                        }
                    })
        })
    }
}

#undef WINDOW
