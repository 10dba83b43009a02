#include "braid/base/index_range.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(IndexRange, SplitEvenlyCoversEverythingOnceInUnits) {
  for (int64_t total : {0, 1, 31, 32, 100}) {
    int64_t next = 0;
    for (int i = 0; i < 3; ++i) {
      const IndexRange part = split_evenly(total, i, 3, 32);
      EXPECT_EQ(part.begin, next);
      EXPECT_TRUE(part.begin % 32 == 0 || part.begin == total);
      next = part.end;
    }
    EXPECT_EQ(next, total);
  }
}

}  // namespace
}  // namespace braid
