#include "braid/kernels/cpu/row_kernels.h"

namespace braid::cpu {

const RowKernels& row_kernels(CpuIsa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case CpuIsa::kAmxBf16:
    case CpuIsa::kAvx512Bf16:
    case CpuIsa::kAvx512:
      return row_kernels_avx512();
    case CpuIsa::kAvx2:
      return row_kernels_avx2();
#endif
    default:
      return row_kernels_portable();
  }
}

}  // namespace braid::cpu
