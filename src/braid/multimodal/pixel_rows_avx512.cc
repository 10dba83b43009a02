// The operations on rows of pixels, compiled for AVX-512. Tested by resize_test.cc.
#include "braid/multimodal/pixel_rows_inl.h"

namespace braid {

const PixelRows& pixel_rows_avx512() {
  return kPixelRows;
}

}  // namespace braid
