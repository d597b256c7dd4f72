/* Check of the native kernels without torch: each on small maps, compared with plain loops in double.

   test_instruction_sets.py compiles this file for several instruction sets, one of them of another architecture. The program
   prints each value that is wrong, then the number of comparisons. Names of arguments are as in the kernels. */

#include "kernels.c"
#include <stdio.h>

enum { THREADS = 2 };
enum { FLOAT32, FLOAT64, BFLOAT16, DTYPES };

static const char *const dtype_names[] = {"float32", "float64", "bfloat16"};
static const double tolerances[] = {2e-5, 1e-12, 5e-3}; /* relative to the largest value */

static int dtype; /* of the maps of this check; sums and weights have `acc_dtype` */
static int acc_dtype;
static int comparisons = 0, failures = 0;

#define CALL_SMALL(kernel, ...)                                                                  \
    do {                                                                                         \
        if (dtype == FLOAT32) kernel##_float32(THREADS, __VA_ARGS__);                            \
        else kernel##_float64(THREADS, __VA_ARGS__);                                             \
    } while (0)
#define CALL(kernel, ...)                                                                        \
    do {                                                                                         \
        if (dtype == BFLOAT16) kernel##_bfloat16(THREADS, __VA_ARGS__);                          \
        else CALL_SMALL(kernel, __VA_ARGS__);                                                    \
    } while (0)
#define FOR(index, count) for (int64_t index = 0; index < (count); index++)
#define FOR_MAP FOR(n, images) FOR(r, rows) FOR(c, columns)
#define AT_MAP ((n * rows + r) * columns + c)
#define AT_ROW (n * rows + r)
#define AT_COLUMN (n * columns + c)

/* Arrays of numbers. Their memory is never freed. */
typedef struct {
    int dtype;
    int64_t size;
    void *data;
} Array;

static Array make_array(int type, int64_t size)
{
    const size_t bytes = type == FLOAT64 ? 8 : type == FLOAT32 ? 4 : 2;
    const Array array = {type, size, calloc((size_t)size + 1, bytes)};
    if (!array.data) abort();
    return array;
}

static double get(Array array, int64_t at)
{
    if (array.dtype == FLOAT64) return ((double *)array.data)[at];
    if (array.dtype == FLOAT32) return ((float *)array.data)[at];
    return bf16_to_float(((uint16_t *)array.data)[at]);
}

static void set(Array array, int64_t at, double value)
{
    if (array.dtype == FLOAT64) ((double *)array.data)[at] = value;
    else if (array.dtype == FLOAT32) ((float *)array.data)[at] = (float)value;
    else ((uint16_t *)array.data)[at] = float_to_bf16((float)value);
}

static void add(Array array, int64_t at, double value) { set(array, at, get(array, at) + value); }

/* The address of a value. */
static void *at_offset(Array array, int64_t at)
{
    return (char *)array.data + at * (array.dtype == FLOAT64 ? 8 : array.dtype == FLOAT32 ? 4 : 2);
}

static uint32_t draw_bits(void)
{
    static uint32_t state = 1; /* the same numbers in every run */
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static Array fill(Array array)
{
    FOR(i, array.size) set(array, i, draw_bits() / 8388608.0 - 1);
    return array;
}

static Array random_map(int64_t size) { return fill(make_array(dtype, size)); }
static Array random_weights(int64_t size) { return fill(make_array(acc_dtype, size)); }
static Array empty_map(int64_t size) { return make_array(dtype, size); }
static Array empty_weights(int64_t size) { return make_array(acc_dtype, size); }
static Array exact(int64_t size) { return make_array(FLOAT64, size); }

static int32_t *random_indices(int64_t size, int64_t limit)
{
    int32_t *indices = make_array(FLOAT32, size).data;
    FOR(i, size) indices[i] = (int32_t)(draw_bits() % (uint32_t)limit);
    return indices;
}

/* Compare all values and report the one that differs most. NaN equals NaN only. */
static void compare(const char *name, Array actual, Array expected)
{
    double largest = 1e-30, error = 0;
    int64_t worst = 0;
    FOR(i, expected.size) {
        const double value = get(expected, i), other = get(actual, i);
        const double difference = isnan(value) && isnan(other) ? 0 : fabs(other - value);
        if (fabs(value) > largest) largest = fabs(value);
        if (difference > error || isnan(difference)) error = isnan(difference) ? INFINITY : difference, worst = i;
    }
    comparisons++;
    if (error <= tolerances[actual.dtype] * largest) return;
    failures++;
    printf(
        "%s of %s: value %d is %.9g instead of %.9g\n", name, dtype_names[dtype], (int)worst, get(actual, worst),
        get(expected, worst));
}

static void compare_indices(const char *name, const int32_t *actual, const int32_t *expected, int64_t size)
{
    const Array left = exact(size), right = exact(size);
    FOR(i, size) set(left, i, actual[i]), set(right, i, expected[i]);
    compare(name, left, right);
}

enum { DISTINCT, WITH_NAN, WITH_TIES, CASES };

static void check_pools(int64_t images, int64_t rows, int64_t columns, int values)
{
    const Array x = random_map(images * rows * columns);
    const Array row_weights = random_weights(images * rows), column_weights = random_weights(images * columns);
    if (values == WITH_NAN) set(x, x.size / 2, NAN);
    if (values == WITH_TIES) {
        FOR(i, x.size) set(x, i, get(x, i) > 0);
        FOR(i, row_weights.size) set(row_weights, i, 1);
        FOR(i, column_weights.size) set(column_weights, i, 1);
    }
    for (int by_row = 0; by_row < 2; by_row++) {
        const int64_t size = images * (by_row ? rows : columns);
        const Array mean = empty_weights(size), max = empty_weights(size);
        const Array exact_sum = exact(size), exact_max = exact(size);
        int32_t *argmax = random_indices(size, 1), *exact_argmax = random_indices(size, 1);
        FOR(i, size) set(exact_max, i, -INFINITY);
        FOR_MAP {
            const int64_t at = by_row ? AT_ROW : AT_COLUMN;
            const double value =
                get(x, AT_MAP) * get(row_weights, AT_ROW) * get(column_weights, AT_COLUMN);
            add(exact_sum, at, value / (double)(by_row ? columns : rows));
            if (value > get(exact_max, at) || (isnan(value) && !isnan(get(exact_max, at)))) {
                set(exact_max, at, value);
                exact_argmax[at] = (int32_t)(by_row ? c : r);
            }
        }
        if (by_row)
            CALL(
                pool_rows, images, rows, columns, x.data, row_weights.data, column_weights.data, mean.data, max.data,
                argmax);
        else
            CALL(
                pool_columns, images, rows, columns, x.data, row_weights.data, column_weights.data, mean.data,
                max.data, argmax);
        compare(by_row ? "pool_rows mean" : "pool_columns mean", mean, exact_sum);
        compare(by_row ? "pool_rows max" : "pool_columns max", max, exact_max);
        compare_indices(by_row ? "pool_rows argmax" : "pool_columns argmax", argmax, exact_argmax, size);
    }
}

static void check_weighting(int64_t images, int64_t rows, int64_t columns)
{
    const int64_t size = images * rows * columns;
    const Array g = random_map(size), x = random_map(size), y = empty_map(size), exact_y = exact(size);
    const Array row_weights = random_weights(images * rows), column_weights = random_weights(images * columns);
    const Array row_shift = random_weights(images * rows), column_shift = random_weights(images * columns);
    const Array row_peak = random_weights(images * rows), column_peak = random_weights(images * columns);
    const Array row_sums = empty_weights(images * rows), column_sums = empty_weights(images * columns);
    const Array exact_row_sums = exact(images * rows), exact_column_sums = exact(images * columns);
    int32_t *row_peak_index = random_indices(images * rows, columns);
    int32_t *column_peak_index = random_indices(images * columns, rows);

    FOR_MAP set(exact_y, AT_MAP, get(x, AT_MAP) * get(row_weights, AT_ROW) * get(column_weights, AT_COLUMN));
    for (int columns_first = 0; columns_first < 2; columns_first++) {
        CALL(scale, images, rows, columns, x.data, row_weights.data, column_weights.data, columns_first, y.data);
        compare("scale", y, exact_y);
    }

    FOR_MAP {
        const double shift_of_row =
            get(row_shift, AT_ROW) + (row_peak_index[AT_ROW] == c ? get(row_peak, AT_ROW) : 0);
        const double shift_of_column =
            get(column_shift, AT_COLUMN) + (column_peak_index[AT_COLUMN] == r ? get(column_peak, AT_COLUMN) : 0);
        add(exact_row_sums, AT_ROW,
            get(x, AT_MAP) * (get(g, AT_MAP) * get(column_weights, AT_COLUMN) + shift_of_column));
        add(exact_column_sums, AT_COLUMN,
            get(x, AT_MAP) * (get(g, AT_MAP) * get(row_weights, AT_ROW) + shift_of_row));
    }
    CALL(
        dot_rows, images, rows, columns, g.data, x.data, column_weights.data, column_shift.data, column_peak.data,
        column_peak_index, row_sums.data);
    CALL(
        dot_columns, images, rows, columns, g.data, x.data, row_weights.data, row_shift.data, row_peak.data,
        row_peak_index, column_sums.data);
    compare("dot_rows", row_sums, exact_row_sums);
    compare("dot_columns", column_sums, exact_column_sums);

    for (int columns_last = 0; columns_last < 2; columns_last++) {
        FOR_MAP {
            const double by_row = get(row_weights, AT_ROW), by_column = get(column_weights, AT_COLUMN);
            const double shift_of_row =
                get(row_shift, AT_ROW) + (row_peak_index[AT_ROW] == c ? get(row_peak, AT_ROW) : 0);
            const double shift_of_column =
                get(column_shift, AT_COLUMN) + (column_peak_index[AT_COLUMN] == r ? get(column_peak, AT_COLUMN) : 0);
            set(exact_y, AT_MAP,
                columns_last ? (get(g, AT_MAP) * by_row + shift_of_row) * by_column + shift_of_column
                             : (get(g, AT_MAP) * by_column + shift_of_column) * by_row + shift_of_row);
        }
        CALL(
            weighting_backward, images, rows, columns, g.data, row_weights.data, column_weights.data, row_shift.data,
            column_shift.data, columns_last, row_peak.data, row_peak_index, column_peak.data, column_peak_index,
            y.data);
        compare("weighting_backward", y, exact_y);
    }
}

static void check_projections(int64_t images, int64_t rows, int64_t columns, int64_t filter_count)
{
    const Array x = random_map(images * rows * columns);
    for (int per_image = 0; per_image < 2; per_image++) {
        const int64_t filter_sets = per_image ? images : 1;
        const Array row_filters = random_weights(filter_sets * filter_count * columns);
        const Array column_filters = random_weights(filter_sets * filter_count * rows);
        const Array row_sums = empty_weights(images * filter_count * rows);
        const Array column_sums = empty_weights(images * filter_count * columns);
        const Array exact_row_sums = exact(row_sums.size), exact_column_sums = exact(column_sums.size);
        FOR_MAP FOR(f, filter_count) {
            const int64_t filter = (per_image ? n * filter_count : 0) + f;
            add(exact_row_sums, (n * filter_count + f) * rows + r,
                get(x, AT_MAP) * get(row_filters, filter * columns + c));
            add(exact_column_sums, (n * filter_count + f) * columns + c,
                get(x, AT_MAP) * get(column_filters, filter * rows + r));
        }
        CALL(
            project_rows, images, rows, columns, x.data, filter_count, row_filters.data, per_image, row_sums.data);
        CALL(
            project_columns, images, rows, columns, x.data, filter_count, column_filters.data, per_image,
            column_sums.data);
        compare("project_rows", row_sums, exact_row_sums);
        compare("project_columns", column_sums, exact_column_sums);
    }
}

static void check_bam(int64_t images, int64_t rows, int64_t columns, int encoding)
{
    enum { factor_count = 3 };
    const int64_t size = images * rows * columns;
    const Array g = random_map(size), x = random_map(size), y = empty_map(size), grad = empty_map(size);
    const Array row_logits = random_weights(images * rows), column_logits = random_weights(images * columns);
    const Array row_shift = random_weights(images * rows), column_shift = random_weights(images * columns);
    const Array row_factors = random_weights(images * factor_count * rows);
    const Array column_factors = random_weights(factor_count * columns);
    const Array row_sums = empty_weights(images * rows), column_sums = empty_weights(images * columns);
    const Array exact_y = exact(size), exact_grad = exact(size);
    const Array exact_row_sums = exact(images * rows), exact_column_sums = exact(images * columns);
    if (encoding == EXP_FACTORS) { /* exp(-logit) is positive */
        FOR(i, row_logits.size) set(row_logits, i, fabs(get(row_logits, i)) + 0.5);
        FOR(i, column_logits.size) set(column_logits, i, fabs(get(column_logits, i)) + 0.5);
    }
    FOR_MAP {
        const double row = get(row_logits, AT_ROW), column = get(column_logits, AT_COLUMN);
        const double e = encoding == EXP_FACTORS ? row * column
                                                 : exp(encoding == LOGITS_SUM ? -(row + column) : -(row * column));
        const double s = 1 / (1 + e), h = get(g, AT_MAP) * get(x, AT_MAP) * s * (1 - s);
        double sum = get(g, AT_MAP) * (1 + s) + get(row_shift, AT_ROW) + get(column_shift, AT_COLUMN);
        FOR(k, factor_count)
            sum += get(row_factors, (n * factor_count + k) * rows + r) * get(column_factors, k * columns + c);
        set(exact_y, AT_MAP, get(x, AT_MAP) * (1 + s));
        set(exact_grad, AT_MAP, sum);
        add(exact_row_sums, AT_ROW, encoding == LOGITS_PRODUCT ? h * column : h);
        add(exact_column_sums, AT_COLUMN, encoding == LOGITS_PRODUCT ? h * row : h);
    }
    CALL(bam_forward, images, rows, columns, x.data, row_logits.data, column_logits.data, encoding, y.data);
    CALL(
        bam_logit_grads, images, rows, columns, g.data, x.data, row_logits.data, column_logits.data, encoding,
        row_sums.data, column_sums.data);
    CALL(
        bam_input_grad, images, rows, columns, g.data, row_logits.data, column_logits.data, encoding, row_shift.data,
        column_shift.data, factor_count, row_factors.data, 1, column_factors.data, 0, grad.data);
    compare("bam_forward", y, exact_y);
    compare("bam_logit_grads of rows", row_sums, exact_row_sums);
    compare("bam_logit_grads of columns", column_sums, exact_column_sums);
    compare("bam_input_grad", grad, exact_grad);
}

/* Batch norm of maps (images, channels, positions): with ReLU for one image whose channels are last, otherwise the small
   one. The kernels share formulas; the index of a value is all that differs. */
static void check_batch_norm(int64_t images, int64_t channels, int64_t positions, int has_relu)
{
    const double eps = 1e-3, momentum = 0.25, count = (double)(images * positions);
    const int64_t size = images * channels * positions;
    const Array g = random_map(size), x = random_map(size), y = empty_map(size), grad = empty_map(size);
    const Array weight = random_weights(channels), bias = random_weights(channels);
    const Array running_mean = random_weights(channels), running_variance = random_weights(channels);
    const Array mean = empty_weights(channels), inverse_std = empty_weights(channels);
    const Array weight_grad = empty_weights(channels), bias_grad = empty_weights(channels);
    const Array work = empty_weights((2 * STRIPS + 1) * channels + 2 * images * channels);
    const Array exact_y = exact(size), exact_grad = exact(size), exact_mean = exact(channels);
    const Array exact_weight_grad = exact(channels), exact_bias_grad = exact(channels);
    const Array exact_running_mean = exact(channels), exact_running_variance = exact(channels);
#define FOR_CHANNEL FOR(n, images) FOR(i, positions)
#define AT (has_relu ? i * channels + c : (n * channels + c) * positions + i)
    FOR(c, channels) {
        double average = 0, variance = 0, sum = 0, product = 0;
        FOR_CHANNEL average += get(x, AT) / count;
        FOR_CHANNEL variance += (get(x, AT) - average) * (get(x, AT) - average) / count;
        const double scale = get(weight, c) / sqrt(variance + eps);
        FOR_CHANNEL {
            const double value = (get(x, AT) - average) * scale + get(bias, c);
            set(exact_y, AT, has_relu && value <= 0 ? 0 : value);
            if (has_relu && value <= 0) continue;
            sum += get(g, AT);
            product += get(g, AT) * (get(x, AT) - average) / sqrt(variance + eps);
        }
        FOR_CHANNEL {
            const double gradient = has_relu && get(exact_y, AT) == 0 ? 0 : get(g, AT);
            const double normalized = (get(x, AT) - average) / sqrt(variance + eps);
            set(exact_grad, AT, scale * (gradient - sum / count - normalized * product / count));
        }
        set(exact_mean, c, average);
        set(exact_weight_grad, c, product);
        set(exact_bias_grad, c, sum);
        set(exact_running_mean, c, get(running_mean, c) * (1 - momentum) + average * momentum);
        set(exact_running_variance, c,
            get(running_variance, c) * (1 - momentum) + variance * count / (count - 1) * momentum);
    }
#undef AT
#undef FOR_CHANNEL
    if (has_relu) {
        CALL(
            batch_norm_relu_forward, positions, channels, x.data, NULL, weight.data, bias.data, eps, momentum,
            running_mean.data, running_variance.data, work.data, mean.data, inverse_std.data, y.data);
        CALL(
            batch_norm_relu_backward, positions, channels, g.data, x.data, weight.data, bias.data, mean.data,
            inverse_std.data, work.data, weight_grad.data, bias_grad.data, grad.data);
    } else {
        CALL_SMALL(
            small_batch_norm_forward, images, channels, positions, x.data, weight.data, bias.data, eps, momentum,
            running_mean.data, running_variance.data, work.data, mean.data, inverse_std.data, y.data);
        CALL_SMALL(
            small_batch_norm_backward, images, channels, positions, g.data, x.data, weight.data, mean.data,
            inverse_std.data, work.data, weight_grad.data, bias_grad.data, grad.data);
    }
    compare("batch norm: mean", mean, exact_mean);
    compare("batch norm: running mean", running_mean, exact_running_mean);
    compare("batch norm: running variance", running_variance, exact_running_variance);
    compare("batch norm: output", y, exact_y);
    compare("batch norm: gradient of weights", weight_grad, exact_weight_grad);
    compare("batch norm: gradient of biases", bias_grad, exact_bias_grad);
    compare("batch norm: gradient of the map", grad, exact_grad);
}

static void check_max_pool(int64_t images, int64_t height, int64_t width, int64_t channels)
{
    const int64_t rows = height / 2, columns = width / 2;
    const Array x = random_map(images * height * width * channels), grad = empty_map(x.size);
    const Array g = random_map(images * rows * columns * channels), y = empty_map(g.size);
    const Array exact_y = exact(y.size), exact_grad = exact(grad.size);
    uint8_t *argmax = make_array(FLOAT32, y.size).data;
    FOR_MAP FOR(channel, channels) {
        const int64_t to = AT_MAP * channels + channel;
        int64_t top = -1;
        FOR(k, 4) {
            const int64_t at = ((n * height + 2 * r + k / 2) * width + 2 * c + k % 2) * channels + channel;
            if (top < 0 || get(x, at) > get(x, top)) top = at;
        }
        set(exact_y, to, get(x, top));
        set(exact_grad, top, get(g, to));
    }
    CALL(max_pool_forward, images, height, width, channels, x.data, y.data, argmax);
    CALL(max_pool_backward, images, height, width, channels, g.data, argmax, grad.data);
    compare("max_pool_forward", y, exact_y);
    compare("max_pool_backward", grad, exact_grad);
}

static void check_small_conv(int64_t images, int64_t height, int64_t width, int64_t kernel, int64_t dilation)
{
    enum { inputs = 2, outputs = 3 };
    const int64_t margin = kernel / 2 * dilation, taps = kernel * kernel, area = height * width;
    const int64_t padded_size = (height + 2 * margin + 1) * (width + margin);
    const int64_t groups = (images + IMAGES_PER_GROUP - 1) / IMAGES_PER_GROUP;
    const Array x = random_map(images * inputs * area), g = random_map(images * outputs * area);
    const Array weight = random_map(outputs * inputs * taps), bias = random_map(outputs), y = empty_map(g.size);
    const Array padded_x = empty_map(images * inputs * padded_size + BLOCK_SIZE);
    const Array padded_g = empty_map(images * outputs * padded_size + BLOCK_SIZE);
    const Array group_grads = empty_map(groups * weight.size), grad = exact(weight.size);
    const Array exact_y = exact(y.size), exact_grad = exact(weight.size);
    FOR(n, images) FOR(o, outputs) FOR(row, height) FOR(column, width) {
        const int64_t to = (n * outputs + o) * area + row * width + column;
        set(exact_y, to, get(bias, o));
        FOR(i, inputs) FOR(tap, taps) {
            const int64_t from_row = row + tap / kernel * dilation - margin;
            const int64_t from_column = column + tap % kernel * dilation - margin;
            if (from_row < 0 || from_row >= height || from_column < 0 || from_column >= width) continue;
            const double value = get(x, (n * inputs + i) * area + from_row * width + from_column);
            const int64_t at = (o * inputs + i) * taps + tap;
            add(exact_y, to, get(weight, at) * value);
            add(exact_grad, at, get(g, to) * value);
        }
    }
    CALL_SMALL(pad, images, inputs, height, width, margin, inputs * area, area, x.data, padded_x.data);
    CALL_SMALL(pad, images, outputs, height, width, margin, outputs * area, area, g.data, padded_g.data);
    CALL_SMALL(
        convolve, images, inputs, outputs, height, width, kernel, dilation, padded_x.data, weight.data, bias.data,
        outputs * area, area, y.data);
    CALL_SMALL(
        conv_weight_grad, images, inputs, outputs, height, width, kernel, dilation, padded_x.data, padded_g.data,
        group_grads.data);
    FOR(i, group_grads.size) add(grad, i % weight.size, get(group_grads, i));
    const Array rounded_grad = empty_map(grad.size);
    FOR(i, grad.size) set(rounded_grad, i, get(grad, i));
    compare("convolve", y, exact_y);
    compare("conv_weight_grad", rounded_grad, exact_grad);
}

static void check_channel_mlp(int64_t pools, int64_t images, int64_t channels, int64_t width)
{
    const Array x = random_map(pools * images * channels), g = random_map(images * channels);
    const Array reduce = random_map(width * channels), reduce_bias = random_map(width);
    const Array expand = random_map(channels * width), expand_bias = random_map(channels);
    const Array transposed = empty_map(expand.size), hidden = empty_map(pools * images * width);
    const Array hidden_sum = empty_map(images * width), hidden_grad = empty_map(hidden.size), y = empty_map(g.size);
    const Array x_grad = empty_map(x.size), reduce_grad = empty_map(reduce.size);
    const Array reduce_bias_grad = empty_map(width), expand_grad = empty_map(expand.size);
    const Array expand_bias_grad = empty_map(channels);
    const Array exact_y = exact(y.size), exact_x_grad = exact(x.size), exact_reduce_grad = exact(reduce.size);
    const Array exact_reduce_bias_grad = exact(width), exact_expand_grad = exact(expand.size);
    const Array exact_expand_bias_grad = exact(channels);
    FOR(k, pools) FOR(n, images) {
        const int64_t from = (k * images + n) * channels, to = n * channels;
        FOR(c, channels) {
            add(exact_y, to + c, get(expand_bias, c));
            add(exact_expand_bias_grad, c, get(g, to + c));
        }
        FOR(r, width) {
            double value = get(reduce_bias, r), gradient = 0;
            FOR(c, channels) {
                value += get(x, from + c) * get(reduce, r * channels + c);
                gradient += get(g, to + c) * get(expand, c * width + r);
            }
            if (value <= 0) continue;
            add(exact_reduce_bias_grad, r, gradient);
            FOR(c, channels) {
                add(exact_y, to + c, value * get(expand, c * width + r));
                add(exact_x_grad, from + c, gradient * get(reduce, r * channels + c));
                add(exact_reduce_grad, r * channels + c, gradient * get(x, from + c));
                add(exact_expand_grad, c * width + r, value * get(g, to + c));
            }
        }
    }
    CALL_SMALL(
        channel_mlp_forward, pools, images, channels, width, x.data, reduce.data, reduce_bias.data, expand.data,
        expand_bias.data, transposed.data, hidden.data, hidden_sum.data, y.data);
    CALL_SMALL(
        channel_mlp_backward, pools, images, channels, width, g.data, x.data, reduce.data, expand.data, hidden.data,
        hidden_sum.data, transposed.data, hidden_grad.data, x_grad.data, reduce_grad.data, reduce_bias_grad.data,
        expand_grad.data, expand_bias_grad.data);
    compare("channel_mlp_forward", y, exact_y);
    compare("channel_mlp_backward: pools", x_grad, exact_x_grad);
    compare("channel_mlp_backward: first weight", reduce_grad, exact_reduce_grad);
    compare("channel_mlp_backward: first bias", reduce_bias_grad, exact_reduce_bias_grad);
    compare("channel_mlp_backward: second weight", expand_grad, exact_expand_grad);
    compare("channel_mlp_backward: second bias", expand_bias_grad, exact_expand_bias_grad);
}

static void check_cbam(int64_t images, int64_t rows, int64_t columns)
{
    enum { pools = 2, width = 3 };
    const int64_t size = images * rows * columns, pool_size = images * columns;
    const Array g = random_map(size), x = random_map(size), y = empty_map(size), exact_y = exact(size);
    const Array reduce = random_weights(width * columns), reduce_bias = random_weights(width);
    const Array expand = random_weights(columns * width), expand_bias = random_weights(columns);
    const Array row_weights = random_weights(images * rows), row_shift = random_weights(images * rows);
    const Array row_peak = random_weights(images * rows), weights_grad = random_weights(pool_size);
    int32_t *row_peak_index = random_indices(images * rows, columns);
    const Array pooled = empty_weights(pools * pool_size), exact_pooled = exact(pooled.size);
    const Array hidden = empty_weights(pools * images * width), exact_hidden = exact(hidden.size);
    const Array hidden_sum = empty_weights(images * width), transposed = empty_weights(expand.size);
    const Array weights = empty_weights(pool_size), exact_weights = exact(pool_size);
    const Array mean = empty_weights(images * rows), exact_mean = exact(images * rows);
    const Array max = empty_weights(images * rows), exact_max = exact(images * rows);
    int32_t *channel_argmax = random_indices(pool_size, 1), *exact_channel_argmax = random_indices(pool_size, 1);
    int32_t *argmax = random_indices(images * rows, 1), *exact_argmax = random_indices(images * rows, 1);
    const Array hidden_grad = empty_weights(hidden.size), logits_grad = empty_weights(pool_size);
    const Array column_shift = empty_weights(pool_size), pools_grad = empty_weights(pooled.size);
    const Array reduce_grad = empty_weights(reduce.size), reduce_bias_grad = empty_weights(width);
    const Array expand_grad = empty_weights(expand.size), expand_bias_grad = empty_weights(columns);
    const Array exact_logits_grad = exact(pool_size), exact_pools_grad = exact(pooled.size);
    const Array exact_reduce_grad = exact(reduce.size), exact_reduce_bias_grad = exact(width);
    const Array exact_expand_grad = exact(expand.size), exact_expand_bias_grad = exact(columns);
#define HIDDEN_INDEX ((k * images + n) * width + w)
#define POOL_INDEX (k * pool_size + AT_COLUMN)
    FOR(i, pool_size) set(exact_pooled, pool_size + i, -INFINITY);
    FOR(i, images * rows) set(exact_max, i, -INFINITY);
    FOR_MAP {
        add(exact_pooled, AT_COLUMN, get(x, AT_MAP) / (double)rows);
        if (get(x, AT_MAP) <= get(exact_pooled, pool_size + AT_COLUMN)) continue;
        set(exact_pooled, pool_size + AT_COLUMN, get(x, AT_MAP));
        exact_channel_argmax[AT_COLUMN] = (int32_t)r;
    }
    FOR(n, images) FOR(k, pools) FOR(w, width) {
        double value = get(reduce_bias, w);
        FOR(c, columns) value += get(exact_pooled, POOL_INDEX) * get(reduce, w * columns + c);
        set(exact_hidden, HIDDEN_INDEX, value > 0 ? value : 0);
    }
    FOR(n, images) FOR(c, columns) {
        double logit = pools * get(expand_bias, c);
        FOR(k, pools) FOR(w, width) logit += get(exact_hidden, HIDDEN_INDEX) * get(expand, c * width + w);
        set(exact_weights, AT_COLUMN, 1 / (1 + exp(-logit)));
    }
    FOR_MAP {
        const double value = get(x, AT_MAP) * get(exact_weights, AT_COLUMN);
        add(exact_mean, AT_ROW, value / (double)columns);
        if (value > get(exact_max, AT_ROW)) set(exact_max, AT_ROW, value), exact_argmax[AT_ROW] = (int32_t)c;
    }
    CALL(
        cbam_pools, images, rows, columns, x.data, pooled.data, at_offset(pooled, pool_size), channel_argmax, pools,
        width, pooled.data, reduce.data, reduce_bias.data, expand.data, expand_bias.data, transposed.data,
        hidden.data, hidden_sum.data, weights.data, mean.data, max.data, argmax);
    compare("cbam_pools: pools over positions", pooled, exact_pooled);
    compare_indices("cbam_pools: argmax over positions", channel_argmax, exact_channel_argmax, pool_size);
    compare("cbam_pools: hidden layer", hidden, exact_hidden);
    compare("cbam_pools: channel weights", weights, exact_weights);
    compare("cbam_pools: mean over channels", mean, exact_mean);
    compare("cbam_pools: max over channels", max, exact_max);
    compare_indices("cbam_pools: argmax over channels", argmax, exact_argmax, images * rows);

    /* The gradient of the map before the channel weights: */
#define WEIGHTED_GRAD                                                                            \
    (get(g, AT_MAP) * get(row_weights, AT_ROW) + get(row_shift, AT_ROW)                          \
     + (row_peak_index[AT_ROW] == c ? get(row_peak, AT_ROW) : 0))
    FOR(n, images) FOR(c, columns) {
        const double weight = get(exact_weights, AT_COLUMN);
        double sum = get(weights_grad, AT_COLUMN);
        FOR(r, rows) sum += WEIGHTED_GRAD * get(x, AT_MAP);
        set(exact_logits_grad, AT_COLUMN, sum * weight * (1 - weight));
    }
    FOR(n, images) FOR(k, pools) {
        FOR(c, columns) add(exact_expand_bias_grad, c, get(exact_logits_grad, AT_COLUMN));
        FOR(w, width) {
            const double value = get(exact_hidden, HIDDEN_INDEX);
            double gradient = 0;
            if (value == 0) continue;
            FOR(c, columns) {
                gradient += get(exact_logits_grad, AT_COLUMN) * get(expand, c * width + w);
                add(exact_expand_grad, c * width + w, value * get(exact_logits_grad, AT_COLUMN));
            }
            add(exact_reduce_bias_grad, w, gradient);
            FOR(c, columns) {
                add(exact_reduce_grad, w * columns + c, gradient * get(exact_pooled, POOL_INDEX));
                add(exact_pools_grad, POOL_INDEX, gradient * get(reduce, w * columns + c));
            }
        }
    }
    FOR_MAP {
        const double at_max = exact_channel_argmax[AT_COLUMN] == r ? 1 : 0;
        set(exact_y, AT_MAP,
            WEIGHTED_GRAD * get(exact_weights, AT_COLUMN) + get(exact_pools_grad, AT_COLUMN) / (double)rows
                + at_max * get(exact_pools_grad, pool_size + AT_COLUMN));
    }
    CALL(
        cbam_channel_backward, images, rows, columns, g.data, x.data, row_weights.data, row_shift.data, row_peak.data,
        row_peak_index, weights.data, channel_argmax, weights_grad.data, pools, width, pooled.data, reduce.data,
        expand.data, hidden.data, hidden_sum.data, transposed.data, hidden_grad.data, logits_grad.data,
        column_shift.data, pools_grad.data, pools_grad.data, at_offset(pools_grad, pool_size), reduce_grad.data,
        reduce_bias_grad.data, expand_grad.data, expand_bias_grad.data, y.data);
    compare("cbam_channel_backward: first weight", reduce_grad, exact_reduce_grad);
    compare("cbam_channel_backward: first bias", reduce_bias_grad, exact_reduce_bias_grad);
    compare("cbam_channel_backward: second weight", expand_grad, exact_expand_grad);
    compare("cbam_channel_backward: second bias", expand_bias_grad, exact_expand_bias_grad);
    compare("cbam_channel_backward: map", y, exact_y);
#undef WEIGHTED_GRAD
#undef POOL_INDEX
#undef HIDDEN_INDEX
}

int main(void)
{
    /* Few and many images; columns that fill no vector, several, and rows of constant length. */
    const int64_t shapes[][3] = {{1, 5, 3}, {9, 34, 19}, {2, 7, 64}, {1, 37, 150}};
    for (dtype = 0; dtype < DTYPES; dtype++) {
        acc_dtype = dtype == BFLOAT16 ? FLOAT32 : dtype;
        FOR(i, 4) {
            const int64_t images = shapes[i][0], rows = shapes[i][1], columns = shapes[i][2];
            for (int values = DISTINCT; values < CASES; values++) check_pools(images, rows, columns, values);
            check_weighting(images, rows, columns);
            check_projections(images, rows, columns, 3);
            for (int encoding = LOGITS_SUM; encoding <= EXP_FACTORS; encoding++)
                check_bam(images, rows, columns, encoding);
            check_cbam(images, rows, columns);
            check_batch_norm(1, columns, images * rows, 1);
            check_max_pool(images, rows, 7, columns);
            if (dtype == BFLOAT16) continue;
            check_batch_norm(images, 2, columns, 0);
            check_channel_mlp(2, images, columns, 5);
        }
        if (dtype == BFLOAT16) continue;
        check_small_conv(9, 11, 8, 3, 4);
        check_small_conv(2, 6, 13, 7, 1);
        check_small_conv(1, 5, 4, 5, 1);
    }
    printf("%d of %d comparisons failed with vectors of %d floats\n", failures, comparisons, F32_LANES);
    return failures > 0;
}
