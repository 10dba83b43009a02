// How much memory the weights of some ranks take at least, before anything of them is read. Tested by
// load_model_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/model/vision/vision_shard.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/dtype.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/weight_codes.h"

namespace braid {

// Packed, of these ranks of all worlds, in one NUMA domain: what kernels pad is not counted, and of quantized matrices
// only the codes are, and a vision tower as if its parts were all of it. An error if the architecture is not supported.
Result<int64_t> least_weight_bytes(const Checkpoint& checkpoint, DType dtype, const QuantizedWeights& quantized,
                                   const ParallelLayout& layout, IndexRange own, const VisionShard& vision_shard = {});

}  // namespace braid
