#include "braid/multimodal/pixel_rows.h"

namespace braid {

const PixelRows& pixel_rows(CpuIsa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case CpuIsa::kAmxBf16:
    case CpuIsa::kAvx512Bf16:
    case CpuIsa::kAvx512:
      return pixel_rows_avx512();
    case CpuIsa::kAvx2:
      return pixel_rows_avx2();
#endif
    default:
      return pixel_rows_portable();
  }
}

}  // namespace braid
