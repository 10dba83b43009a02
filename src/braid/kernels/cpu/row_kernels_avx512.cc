#include "braid/kernels/cpu/row_kernels_inl.h"

namespace braid::cpu {

const RowKernels& row_kernels_avx512() {
  return kRowKernels;
}

}  // namespace braid::cpu
