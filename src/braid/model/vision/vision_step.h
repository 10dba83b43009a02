// What the parts of a tower need while one image is encoded. The residual's rows are split over the processes that
// encode it together; a process that has the whole tower has all of them. Tested by vision_tower_test.cc.
#pragma once

#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_scratch.h"
#include "braid/parallel/row_exchange.h"

namespace braid {

struct VisionStep {
  Ops& ops;
  VisionScratch& scratch;
  RowExchange* exchange = nullptr;  // null: all parts are here
  int64_t square = 1;               // patches that must stay together: those of a token

  // This process's own rows of `all`: of patches, or of tokens with unit 1.
  IndexRange own_range(int64_t num_rows, int64_t unit) const {
    return exchange == nullptr ? IndexRange{.begin = 0, .end = num_rows} : exchange->own_rows(num_rows, unit);
  }
  template <typename AnyRows>
  AnyRows own(AnyRows all, int64_t unit) const {
    const IndexRange range = own_range(all.rows, unit);
    return all.slice_rows(range.begin, range.end - range.begin);
  }
  Rows own_patches(Rows all) const { return own(all, square); }

  void gather(Rows all, int64_t unit) const {
    if (exchange != nullptr) exchange->gather(all, unit);
  }
  void gather_patches(Rows all) const { gather(all, square); }
};

}  // namespace braid
