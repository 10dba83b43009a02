#include "braid/base/result.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail("{} is odd", value);
  return value / 2;
}

Result<int> quarter(int value) {
  TRY(const int once, half(value));
  TRY(const int twice, half(once));
  return twice;
}

TEST(Result, TryLeavesWithTheErrorOrDeclaresTheValue) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
}

}  // namespace
}  // namespace braid
