#include "braid/kv/page_pool.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace braid {
namespace {

std::vector<PageId> ids_of(const Pages& pages) {
  return {pages.ids().begin(), pages.ids().end()};
}

TEST(PagePool, HandsOutRecentlyReleasedPagesThenTheLowest) {
  PagePool pool(4);
  auto first = pool.allocate(2);
  auto second = pool.allocate(1);
  EXPECT_EQ(ids_of(*first), (std::vector<PageId>{0, 1}));
  EXPECT_EQ(ids_of(*second), (std::vector<PageId>{2}));
  first->clear();
  EXPECT_EQ(pool.num_free(), 3);
  EXPECT_EQ(ids_of(*pool.allocate(3)), (std::vector<PageId>{0, 1, 3}));
}

TEST(PagePool, AllocatesAllOrNothing) {
  PagePool pool(3);
  const auto held = pool.allocate(2);
  EXPECT_FALSE(pool.allocate(2).has_value());
  EXPECT_EQ(pool.num_free(), 1);
  EXPECT_TRUE(pool.allocate(0).has_value());
}

TEST(PagePool, APageIsFreeOnceItsLastReferenceIsReleased) {
  PagePool pool(2);
  Pages shared;
  {
    const auto pages = pool.allocate(2);
    shared = pages->share(1, 1);
    EXPECT_EQ(pool.references(1), 2);
  }
  EXPECT_EQ(pool.num_free(), 1);
  EXPECT_EQ(pool.references(1), 1);
  Pages moved = std::move(shared);
  EXPECT_EQ(pool.references(1), 1);
  Pages& itself = moved;
  moved = std::move(itself);
  EXPECT_EQ(pool.references(1), 1);
  moved = Pages();
  EXPECT_EQ(pool.num_free(), 2);
}

TEST(PagePool, ReplaceAndAppendMoveReferences) {
  PagePool pool(4);
  auto pages = pool.allocate(2);
  pages->replace(0, std::move(*pool.allocate(1)));
  EXPECT_EQ(ids_of(*pages), (std::vector<PageId>{2, 1}));
  EXPECT_EQ(pool.num_free(), 2);
  pages->append(std::move(*pool.allocate(1)));
  EXPECT_EQ(ids_of(*pages), (std::vector<PageId>{2, 1, 0}));
  pages->append(Pages());
  EXPECT_EQ(pages->size(), 3);
}

TEST(PagePool, CountsIdleCachedPages) {
  PagePool pool(3);
  auto cache = pool.allocate(2);
  pool.set_cached(0, true);
  pool.set_cached(1, true);
  EXPECT_EQ(pool.num_idle_cached(), 2);
  Pages reader = cache->share(0, 1);
  EXPECT_EQ(pool.num_idle_cached(), 1);
  EXPECT_EQ(pool.num_available(), 2);
  reader.clear();
  EXPECT_EQ(pool.num_idle_cached(), 2);
  pool.set_cached(0, false);
  pool.set_cached(1, false);
  EXPECT_EQ(pool.num_idle_cached(), 0);
}

TEST(PagePool, FindsTheCachedPageThatWasIdleForTheLongest) {
  PagePool pool(4);
  auto cache = pool.allocate(3);
  EXPECT_EQ(pool.longest_idle_cached(), -1);
  for (const PageId page : {1, 0, 2}) pool.set_cached(page, true);
  EXPECT_EQ(pool.longest_idle_cached(), 1);
  Pages reader = cache->share(1, 1);
  EXPECT_EQ(pool.longest_idle_cached(), 0);
  reader.clear();  // now page 1 is the latest
  pool.set_cached(0, false);
  EXPECT_EQ(pool.longest_idle_cached(), 2);
  pool.set_cached(2, false);
  EXPECT_EQ(pool.longest_idle_cached(), 1);
  pool.set_cached(1, false);
  EXPECT_EQ(pool.longest_idle_cached(), -1);
}

TEST(PagePool, DropFrontReleasesTheFirstPages) {
  PagePool pool(5);
  auto pages = pool.allocate(4);
  const Pages shared = pages->share(1, 1);
  pages->drop_front(2);
  EXPECT_EQ(ids_of(*pages), (std::vector<PageId>{2, 3}));
  EXPECT_EQ(pool.num_free(), 2);
  EXPECT_EQ(pool.references(1), 1);
  pages->drop_front(0);
  pages->drop_front(2);
  EXPECT_TRUE(pages->empty());
}

TEST(PagePoolDeathTest, ALeakEndsTheProcess) {
  EXPECT_DEATH(
      {
        Pages outliving;
        PagePool pool(1);
        outliving = std::move(*pool.allocate(1));
      },
      "never given back");
}

}  // namespace
}  // namespace braid
