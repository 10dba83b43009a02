#include "braid/tokenizer/unicode/code_point_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid::unicode {
namespace {

TEST(CodePointSet, SetsCombine) {
  const CodePointSet letters({{'a', 'z'}});
  const CodePointSet vowels({{'e', 'e'}, {'a', 'a'}});
  EXPECT_FALSE(letters.intersected(vowels.inverted()).contains('e'));
  EXPECT_TRUE(letters.intersected(vowels.inverted()).contains('f'));
  EXPECT_EQ(letters.united(vowels).ranges().size(), 1u);
  EXPECT_TRUE(CodePointSet().inverted().contains(0x10FFFF));
  EXPECT_FALSE(property("Klingon").has_value());
  EXPECT_TRUE(property("uppercase letter")->contains('A'));
}

TEST(CodePointTable, TooManyClassesAreRefused) {
  std::vector<CodePointSet> sets;
  for (char32_t c = 0; c < 10; ++c) sets.push_back(CodePointSet::of(0x100 + c));
  EXPECT_FALSE(CodePointTable::classify(sets, 0x80, 10).has_value());
  ASSERT_TRUE(CodePointTable::classify(sets, 0x80, 11).has_value());
}

}  // namespace
}  // namespace braid::unicode
