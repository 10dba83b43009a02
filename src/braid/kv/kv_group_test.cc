#include "braid/kv/kv_group.h"

#include <gtest/gtest.h>

#include <set>

namespace braid {
namespace {

TEST(KvGroups, LayersWithTheSameWindowShareAKvGroupWidestFirst) {
  const std::vector<int32_t> windows = {8, 0, 16, 8, 0, 0};
  const KvGroups kv_groups(windows, 6);
  EXPECT_EQ(kv_groups.windows, (std::vector<int32_t>{0, 16, 8}));
  EXPECT_EQ(kv_groups.num_layers, (std::vector<int32_t>{3, 1, 2}));
  EXPECT_EQ(kv_groups.of_layer, (std::vector<int32_t>{2, 0, 1, 2, 0, 0}));
}

TEST(KvGroups, WithoutWindowsThereIsOneKvGroup) {
  const KvGroups kv_groups({}, 3);
  EXPECT_EQ(kv_groups.windows, (std::vector<int32_t>{0}));
  EXPECT_EQ(kv_groups.num_layers, (std::vector<int32_t>{3}));
  EXPECT_EQ(kv_groups.of_layer, (std::vector<int32_t>{0, 0, 0}));
  const std::vector<int32_t> all = {4, 4};
  EXPECT_EQ(KvGroups(all, 2).windows, (std::vector<int32_t>{4}));
}

// All small cases: the kept pages are those that the next token reads and those that a token behind the last full page
// reads; and no step has more than most_kept_pages().
TEST(KvGroups, KeptPagesAreThoseThatMayStillBeRead) {
  for (int32_t page_size = 1; page_size <= 5; ++page_size) {
    for (int32_t window = 1; window <= 14; ++window) {
      for (int32_t num_new = 1; num_new <= 9; ++num_new) {
        int64_t most = 0;
        for (int64_t computed = 0; computed <= 60; ++computed) {
          std::set<int64_t> read;
          for (const int64_t query : {computed, computed / page_size * page_size}) {
            for (int64_t key = std::max<int64_t>(0, query - window + 1); key < query; ++key) {
              read.insert(key / page_size);
            }
          }
          for (int64_t key = computed; key < computed + num_new; ++key) read.insert(key / page_size);
          const int64_t end = (computed + num_new + page_size - 1) / page_size;
          const int64_t first = first_kept_page(window, computed, page_size);
          EXPECT_EQ(*read.begin(), first) << page_size << " " << window << " " << num_new << " " << computed;
          most = std::max(most, end - first);
        }
        EXPECT_EQ(most, most_kept_pages(window, num_new, page_size)) << page_size << " " << window << " " << num_new;
      }
    }
  }
}

}  // namespace
}  // namespace braid
