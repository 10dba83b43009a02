// The row kernels, compiled for AVX2. Tested by kernels/norm_rope_test.cc and kernels/elementwise_test.cc.
#include "braid/kernels/cpu/row_kernels_inl.h"

namespace braid::cpu {

const RowKernels& row_kernels_avx2() {
  return kRowKernels;
}

}  // namespace braid::cpu
