/* All kernels for one dtype; kernels.c includes this file once per dtype and defines its types first. */

#include "typed_lanes.inc.h"
#include "gate_kernels.inc.h"
#include "bam.inc.h"
#include "batch_norm_relu.inc.h"
#include "max_pool.inc.h"
#ifdef HAS_SMALL_LAYERS /* these compute in acc_t, so bfloat16 needs none of its own */
#include "small_conv.inc.h"
#include "small_batch_norm.inc.h"
#include "channel_mlp.inc.h"
#undef HAS_SMALL_LAYERS
#endif
#include "cbam.inc.h"

#undef FOR_COLUMN_VECTORS
#undef PARALLEL_FOR_PARTS
#undef PART_BOUNDS
#undef ROW
#undef WEIGHT_OR_ONE
#undef WITH_CONSTANT_LENGTH
#undef DTYPE
#undef ACC_DTYPE
#undef LANES
#undef scalar_t
#undef acc_t
#undef index_t
#undef scalar_lanes_t
#undef acc_lanes_t
#undef index_lanes_t
#undef TO_ACC
#undef FROM_ACC
#undef TO_ACC_LANES
#undef FROM_ACC_LANES
#undef FROM_ACC_LANES_EXACT
#undef SIGMOID_LANES
#undef TO_BYTES
