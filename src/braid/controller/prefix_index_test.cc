#include "braid/controller/prefix_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace braid {
namespace {

// Against a plain map: few prefixes in many groups, many in one, and all of a group removed at times.
TEST(PrefixIndex, HasWhatAPlainMapHas) {
  constexpr int32_t kGroups = 70;  // two words
  std::mt19937_64 random(5);
  PrefixIndex index(kGroups);
  std::map<uint64_t, std::map<int32_t, bool>> plain;  // prefix, group, is held
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t prefix = random() % 4 == 0 ? 1 + random() % 8 : (1 + random() % 3000) << 40;
    const auto group = static_cast<int32_t>(random() % kGroups);
    auto& groups = plain[prefix];
    const bool has_it = groups.contains(group);
    switch (random() % 4) {
      case 0:
      case 1:
        EXPECT_EQ(index.add(prefix, group), !has_it);
        groups.try_emplace(group, false);
        break;
      case 2:
        EXPECT_EQ(index.remove(prefix, group), has_it);
        groups.erase(group);
        break;
      default: {
        const bool is_held = random() % 2 == 0;
        EXPECT_EQ(index.set_held(prefix, group, is_held), has_it && groups[group] != is_held);
        if (has_it) groups[group] = is_held;
        if (!has_it) groups.erase(group);
      }
    }
    if (i % 20'000 == 19'999) {
      index.clear(group);
      for (auto& [key, own] : plain) own.erase(group);
    }
    if (i % 1000 != 999) continue;
    int64_t num_prefixes = 0;
    for (const auto& [key, own] : plain) {
      std::map<int32_t, bool> found;
      const PrefixIndex::Holders holders = index.find(key);
      holders.for_each([&](int32_t each) { found[each] = holders.is_held(each); });
      ASSERT_EQ(found, own);
      ASSERT_EQ(holders.is_empty(), own.empty());
      num_prefixes += own.empty() ? 0 : 1;
    }
    ASSERT_EQ(index.num_prefixes(), num_prefixes);
  }
}

TEST(PrefixIndex, SetsAreKeptOnlyForPrefixesOfSeveralGroups) {
  PrefixIndex index(512);
  const int64_t before = index.num_bytes();
  for (uint64_t prefix = 1; prefix <= 700; ++prefix) {
    index.add(prefix, 1);
    index.add(prefix, 2);
    index.remove(prefix, 1);
  }
  EXPECT_LE(index.num_bytes() - before, 1024) << "one set, again and again";
}

}  // namespace
}  // namespace braid
