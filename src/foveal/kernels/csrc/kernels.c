/* Native CPU kernels for feature maps. Each reads and writes the map as few times as its formula allows.

   The map of one image is a matrix x[row][column] of `rows` rows of `columns` adjacent values. With channels_last the
   rows are positions and the columns are channels; with contiguous maps it is the other way round. The kernels do not
   know which: `row_weights` has one value per row, `column_weights` one per column, and NULL means no weights.

   Maps are float, double or bfloat16. Sums and all small tensors are double for double, float otherwise (`acc_t`).

   The code needs no header of torch and uses the OpenMP threads that the process already has. Every sum has a fixed
   order, whatever the number of threads.

   Constants that Python needs as well are defined in constants.py and passed with -D. */

#if !(defined BLOCK_SIZE && defined IMAGES_PER_GROUP && defined STRIPS && defined PARTS_PER_IMAGE && defined LOGITS_SUM \
      && defined LOGITS_PRODUCT && defined EXP_FACTORS)
#error "foveal.kernels.build passes the constants of constants.py with -D"
#endif

#define CONCAT_(a, b) a##_##b
#define CONCAT(a, b) CONCAT_(a, b)
#define NAME(function) CONCAT(function, DTYPE) /* such as scale_float32 */
#define ACC_NAME(function) CONCAT(function, ACC_DTYPE) /* the same for sums of this dtype */
#define PoolAccumulator NAME(pool_accumulator)
#define i32_lanes_t NAME(i32_lanes)
#define u8_lanes_t NAME(u8_lanes)
#define double_lanes_t NAME(double_lanes)

#include "lanes.h"

#define ROWS_PER_GROUP 32    /* rows that are summed before their sum is added to the total: less rounding */
#define FILTERS_PER_READ 2   /* filters of a 1x1 convolution that one read of the map serves */

_Static_assert(BLOCK_SIZE % F32_LANES == 0, "a block is a whole number of vectors");

/* The dtypes. `scalar_t` is a value of a map, `acc_t` a sum, `index_t` an integer of the size of `acc_t`, and
   `..._lanes_t` a vector of LANES of them. TO_ACC and FROM_ACC convert one value, the others a vector. */

#define DTYPE float32
#define ACC_DTYPE float32
#define LANES F32_LANES
#define scalar_t float
#define acc_t float
#define index_t int32_t
#define scalar_lanes_t f32_lanes
#define acc_lanes_t f32_lanes
#define index_lanes_t i32_lanes
#define TO_ACC(value) (value)
#define FROM_ACC(value) (value)
#define TO_ACC_LANES(values) (values)
#define FROM_ACC_LANES(values) (values)
#define FROM_ACC_LANES_EXACT(values) (values)
#define SIGMOID_LANES sigmoid_f32_lanes
#define TO_BYTES(indices) narrow_to_bytes(indices)
#define HAS_SMALL_LAYERS
#include "all_kernels.inc.h"

#define DTYPE float64
#define ACC_DTYPE float64
#define LANES F64_LANES
#define scalar_t double
#define acc_t double
#define index_t int64_t
#define scalar_lanes_t f64_lanes
#define acc_lanes_t f64_lanes
#define index_lanes_t i64_lanes
#define TO_ACC(value) (value)
#define FROM_ACC(value) (value)
#define TO_ACC_LANES(values) (values)
#define FROM_ACC_LANES(values) (values)
#define FROM_ACC_LANES_EXACT(values) (values)
#define SIGMOID_LANES sigmoid_f64_lanes
#define TO_BYTES(indices) __builtin_convertvector(indices, u8_lanes_t)
#define HAS_SMALL_LAYERS
#include "all_kernels.inc.h"

#define DTYPE bfloat16
#define ACC_DTYPE float32
#define LANES F32_LANES
#define scalar_t uint16_t
#define acc_t float
#define index_t int32_t
#define scalar_lanes_t u16_lanes
#define acc_lanes_t f32_lanes
#define index_lanes_t i32_lanes
#define TO_ACC(value) bf16_to_float(value)
#define FROM_ACC(value) float_to_bf16(value)
#define TO_ACC_LANES(values) bf16_to_float_lanes(values)
#define FROM_ACC_LANES(values) float_to_bf16_lanes(values)
#define FROM_ACC_LANES_EXACT(values) truncate_to_bf16_lanes(values)
#define SIGMOID_LANES sigmoid_f32_lanes
#define TO_BYTES(indices) narrow_to_bytes(indices)
#include "all_kernels.inc.h"
