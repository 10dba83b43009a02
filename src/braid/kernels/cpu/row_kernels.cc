#include "braid/kernels/cpu/row_kernels.h"

namespace braid::cpu {

const RowKernels& row_kernels(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::kPortable:
      break;
    case CpuIsa::kAvx2:
      return row_kernels_avx2();
    case CpuIsa::kAvx512Bf16:
    case CpuIsa::kAmxBf16:
      return row_kernels_avx512();
  }
  return row_kernels_portable();
}

}  // namespace braid::cpu
