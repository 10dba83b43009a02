#include "braid/server/metrics/histogram.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid::metrics {
namespace {

TEST(Histogram, AValueOnABoundCountsBelowIt) {
  Histogram histogram({1, 2});
  for (const double value : {0.5, 1.0, 1.5, 2.0, 7.0}) histogram.observe(value);
  EXPECT_EQ(std::vector<uint64_t>(histogram.counts().begin(), histogram.counts().end()),
            (std::vector<uint64_t>{2, 2, 1}));
  EXPECT_DOUBLE_EQ(histogram.sum(), 12);
}

}  // namespace
}  // namespace braid::metrics
