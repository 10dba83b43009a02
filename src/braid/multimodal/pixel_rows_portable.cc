// The operations on rows of pixels, compiled for any processor. Tested by resize_test.cc.
#include "braid/multimodal/pixel_rows_inl.h"

namespace braid {

const PixelRows& pixel_rows_portable() {
  return kPixelRows;
}

}  // namespace braid
