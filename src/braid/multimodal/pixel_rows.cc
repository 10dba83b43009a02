#include "braid/multimodal/pixel_rows.h"

namespace braid {

// Wider vectors would gain little: most of an image's time is the decoder's.
const PixelRows& pixel_rows(CpuIsa isa) {
#if defined(__x86_64__)
  if (isa >= CpuIsa::kAvx2) return pixel_rows_avx2();
#endif
  (void)isa;
  return pixel_rows_portable();
}

}  // namespace braid
