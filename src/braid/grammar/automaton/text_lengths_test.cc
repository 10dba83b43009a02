#include "braid/grammar/automaton/text_lengths.h"

#include <gtest/gtest.h>

namespace braid::grammar {
namespace {

TEST(TextLengths, AreTheShortestAndTheLongestFromEachState) {
  // 0 -a-> 1 -b-> 2, 0 -(nothing)-> 2, and 3 leads to itself or to 0.
  const LengthGraph graph{.edges = {{{1}, {2, false}}, {{2}}, {}, {{3}, {0}}}, .accepts = {0, 0, 1, 0}};
  const std::vector<TextLengths> lengths = text_lengths(graph);
  EXPECT_EQ(lengths[0].min, 0U);
  EXPECT_EQ(lengths[0].max, 2U);
  EXPECT_EQ(lengths[1].min, 1U);
  EXPECT_EQ(lengths[1].max, 1U);
  EXPECT_EQ(lengths[2].max, 0U);
  EXPECT_EQ(lengths[0].min_not_empty, 2U);
  EXPECT_EQ(lengths[2].min_not_empty, UINT32_MAX);
  EXPECT_EQ(lengths[3].min, 1U);
  EXPECT_FALSE(lengths[3].max);
}

TEST(TextLengths, HaveAGapWhereALengthBetweenIsMissing) {
  const auto has_gap = [](const LengthGraph& graph) { return !have_small_gaps(graph, text_lengths(graph), 1); };
  EXPECT_FALSE(has_gap({.edges = {{{0}, {1}}, {}}, .accepts = {0, 1}}));                     // a*b
  EXPECT_TRUE(has_gap({.edges = {{{1}}, {{0}}}, .accepts = {1, 0}}));                        // (ab)*
  EXPECT_FALSE(has_gap({.edges = {{{1}, {2}}, {{2}}, {}}, .accepts = {1, 0, 1}}));           // 0, 1 or 2
  EXPECT_TRUE(has_gap({.edges = {{{1}}, {{2}}, {}}, .accepts = {1, 0, 1}}));                 // 0 or 2
  EXPECT_TRUE(has_gap({.edges = {{{1}, {3}}, {{2}}, {{3}}, {}}, .accepts = {0, 0, 0, 1}}));  // 1 or 3
  EXPECT_FALSE(has_gap({.edges = {{{1}, {3}}, {{2}, {3}}, {{3}}, {}}, .accepts = {0, 0, 0, 1}}));
}

TEST(TextLengths, MayHaveGapsThatAreSmallerThanTheRoom) {
  const LengthGraph thirds{.edges = {{{1}}, {{2}}, {{0}}}, .accepts = {1, 0, 0}};  // (abc)*
  EXPECT_FALSE(have_small_gaps(thirds, text_lengths(thirds), 2));
  EXPECT_TRUE(have_small_gaps(thirds, text_lengths(thirds), 3));
  EXPECT_EQ(room_between(4, 6), 3U);
  // "b" or "cab": with at least 2 characters, "c" is begun. Below 3, it is not.
  const LengthGraph either{.edges = {{{3}, {1}}, {{2}}, {{3}}, {}}, .accepts = {0, 0, 0, 1}};
  EXPECT_FALSE(have_small_gaps(either, text_lengths(either), room_between(2, 2)));
  EXPECT_TRUE(have_small_gaps(either, text_lengths(either), room_between(2, 3)));
  EXPECT_TRUE(have_small_gaps(either, text_lengths(either), room_between(1, 2)));
  EXPECT_TRUE(have_small_gaps(either, text_lengths(either), room_between(2, UINT32_MAX)));
}

}  // namespace
}  // namespace braid::grammar
