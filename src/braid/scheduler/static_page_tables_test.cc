#include "braid/scheduler/static_page_tables.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

// 40 pages of 4 tokens for layers that see all positions, and 12 pages for layers with a window of 8.
const SchedulerConfig kRingConfig{.num_pages = 40,
                                  .page_size = 4,
                                  .context_len = 160,
                                  .max_running_requests = 4,
                                  .chunked_prefill_size = 8,
                                  .narrower_kv_groups = {{.window = 8, .num_pages = 12}}};

TEST(StaticPageTables, PagesOfAWindowAreARing) {
  const StaticPageTables pages(kRingConfig, 100);
  EXPECT_TRUE(pages.check_room(1).ok());
  EXPECT_EQ(pages.check_room(2).error().message, "2 sequences of 100 tokens take 50 KV pages, the pool has 40");
  EXPECT_EQ(StaticPageTables(kRingConfig, 30).check_room(3).error().message,
            "3 sequences of 30 tokens take 15 KV pages of the layers with a window of 8, the pool has 12");
  const auto tables = pages.tables(1, 50, 58);
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].pages.size(), 15U);
  EXPECT_EQ(tables[0].pages.front(), 25);
  EXPECT_EQ(tables[1], (PageTable{.first_page = 10, .pages = {5, 6, 7, 8, 9}}));
}

}  // namespace
}  // namespace braid
