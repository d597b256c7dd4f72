/* The parts of CBAM that need no other image, for channels_last maps of one dtype: rows are positions, columns are
   channels. Each image is processed to its end while its map is in the cache, so its second read costs little. */

/* Pools of x over positions (images, columns), the channel weights from them by the MLP of channel_mlp.inc.h and the
   sigmoid, and the pools of the weighted map over channels (images, rows). `pooled` (pools, images, columns) holds
   `channel_mean`, `channel_max` or both; `transposed` is scratch memory. */
void NAME(cbam_pools)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *x, acc_t *channel_mean,
    acc_t *channel_max, int32_t *channel_argmax, int64_t pools, int64_t width, const acc_t *pooled,
    const acc_t *reduce, const acc_t *reduce_bias, const acc_t *expand, const acc_t *expand_bias, acc_t *transposed,
    acc_t *hidden, acc_t *hidden_sum, acc_t *channel_weights, acc_t *mean, acc_t *max, int32_t *argmax)
{
    ACC_NAME(transpose)(columns, width, expand, transposed);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        NAME(pool_columns_part)(
            n, 0, columns, rows, columns, x, NULL, NULL, channel_mean, channel_max, channel_argmax);
        ACC_NAME(mlp_forward_image)(
            n, pools, images, columns, width, pooled, reduce, reduce_bias, transposed, expand_bias, hidden,
            hidden_sum, channel_weights);
        ACC_NAME(apply_sigmoid)(columns, channel_weights + n * columns);
        NAME(pool_rows_part)(n, 0, rows, rows, columns, x, NULL, channel_weights, mean, max, argmax);
    }
}

/* Gradients of the channel gate: of its weights and biases and, unless y is NULL, of the map. `row_weights`,
   `row_shift`, `row_peak` and `row_peak_index` are those of the spatial gate in `weighting_backward`, `weights_grad`
   (or NULL) is a further gradient of the channel weights. `mean_grad` and `max_grad` (or NULL) lie in `pools_grad`.
   `transposed`, `hidden_grad`, `logits_grad` (images, columns), `column_shift` (images, columns) and `pools_grad` are
   scratch memory. */
void NAME(cbam_channel_backward)(
    int threads, int64_t images, int64_t rows, int64_t columns, const scalar_t *g, const scalar_t *x,
    const acc_t *row_weights, const acc_t *row_shift, const acc_t *row_peak, const int32_t *row_peak_index,
    const acc_t *channel_weights, const int32_t *channel_argmax, const acc_t *weights_grad, int64_t pools,
    int64_t width, const acc_t *pooled, const acc_t *reduce, const acc_t *expand, const acc_t *hidden,
    const acc_t *hidden_sum, acc_t *transposed, acc_t *hidden_grad, acc_t *logits_grad, acc_t *column_shift,
    acc_t *pools_grad, const acc_t *mean_grad, const acc_t *max_grad, acc_t *reduce_grad, acc_t *reduce_bias_grad,
    acc_t *expand_grad, acc_t *expand_bias_grad, scalar_t *y)
{
    ACC_NAME(transpose)(columns, width, expand, transposed);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < images; n++) {
        NAME(dot_columns_part)(
            n, 0, columns, rows, columns, g, x, row_weights, row_shift, row_peak, row_peak_index, logits_grad);
        for (int64_t at = n * columns; at < (n + 1) * columns; at++) {
            const acc_t weight = channel_weights[at], grad = logits_grad[at] + (weights_grad ? weights_grad[at] : 0);
            logits_grad[at] = grad * (1 - weight) * weight;
        }
        ACC_NAME(mlp_backward_image)(
            n, pools, images, columns, width, logits_grad, reduce, transposed, hidden, hidden_grad, pools_grad);
        if (!y) continue;
        if (mean_grad)
            for (int64_t at = n * columns; at < (n + 1) * columns; at++) column_shift[at] = mean_grad[at] / (acc_t)rows;
        NAME(weighting_backward_part)(
            n, 0, rows, rows, columns, g, row_weights, channel_weights, row_shift, mean_grad ? column_shift : NULL, 1,
            row_peak, row_peak_index, max_grad, channel_argmax, y);
    }
    ACC_NAME(mlp_weight_grads)(
        threads, pools, images, columns, width, logits_grad, pooled, hidden_grad, hidden_sum, reduce_grad,
        reduce_bias_grad, expand_grad, expand_bias_grad);
}
