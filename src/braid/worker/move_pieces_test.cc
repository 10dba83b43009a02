#include "braid/worker/move_pieces.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

constexpr Move kCut{.id = 3, .from_group = 0, .to_group = 1, .num_pages = 7};

std::vector<MovedPages> all_of(MovePieces pieces) {
  std::vector<MovedPages> all;
  while (!pieces.is_done()) all.push_back(pieces.take_next());
  return all;
}

TEST(MovePieces, TogetherTheyAreAllPagesInOrder) {
  const std::vector<std::vector<PageId>> pages = {{4, 9, 1, 0}, {5, 2, 6}};
  const std::vector<MovedPages> threes = {{.move = kCut, .piece = 0, .pages = {{4, 9, 1}, {}}},
                                          {.move = kCut, .piece = 1, .pages = {{0}, {5, 2}}},
                                          {.move = kCut, .piece = 2, .pages = {{}, {6}}}};
  EXPECT_EQ(all_of(MovePieces(kCut, pages, 3)), threes);
  EXPECT_EQ(all_of(MovePieces(kCut, pages, 7)), (std::vector<MovedPages>{{.move = kCut, .pages = pages}}));
  EXPECT_EQ(all_of(MovePieces(kCut, pages, 1)).size(), 7U);
}

// The receiver must know how many pages a piece that it drops has.
TEST(MovePieces, DroppedPagesAreCutInTheSameWay) {
  MovePieces pieces(kCut, {{4, 9, 1, 0}, {5, 2, 6}}, 3);
  (void)pieces.take_next();
  pieces.drop_pages();
  EXPECT_EQ(pieces.next_size(), 3);
  EXPECT_EQ(pieces.take_next(), (MovedPages{.move = kCut, .piece = 1}));
  EXPECT_EQ(pieces.next_size(), 1);
  EXPECT_EQ(pieces.take_next(), (MovedPages{.move = kCut, .piece = 2}));
  EXPECT_TRUE(pieces.is_done());
  EXPECT_EQ(pieces.next_size(), 0);
}

}  // namespace
}  // namespace braid
