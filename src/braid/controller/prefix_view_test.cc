#include "braid/controller/prefix_view.h"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "braid/kv/kv_index.h"

namespace braid {
namespace {

constexpr int32_t kViewedPageSize = 4;

std::vector<TokenId> viewed_tokens(int32_t count, TokenId first) {
  std::vector<TokenId> tokens(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tokens[static_cast<size_t>(i)] = first + i;
  return tokens;
}

// Groups that cache, hold, release and evict random prompts, and a view of them.
class ViewedGroups {
 public:
  ViewedGroups(uint64_t seed, std::vector<KvGroupPool> kv_groups) : kv_pools_(std::move(kv_groups)), random_(seed) {
    for (int group = 0; group < kNumGroups; ++group) start(group);
    for (TokenId kind = 0; kind < 4; ++kind) prompts_.push_back(viewed_tokens(24, 10 * kind));
    for (TokenId kind = 0; kind < 4; ++kind) {  // two that part after 2 pages
      std::vector<TokenId> prompt = viewed_tokens(8, 0);
      const std::vector<TokenId> own = viewed_tokens(16, 100 * (kind + 1));
      prompt.insert(prompt.end(), own.begin(), own.end());
      prompts_.push_back(prompt);
    }
  }

  static constexpr int kNumGroups = 3;
  PrefixView view{kNumGroups};

  void start(int group) {
    held_[group].clear();
    sequence_[group] = 0;
    kvs_[group] = std::make_unique<KvIndex>(kv_pools_, kViewedPageSize, 8, true);
  }
  void change(int group) {
    KvIndex& kv = *kvs_[group];
    std::vector<SequencePages>& held = held_[group];
    const std::vector<TokenId>& prompt = prompts_[random_() % prompts_.size()];
    switch (random_() % 5) {
      case 0:
        held.push_back(kv.match(prompt).pages);
        break;
      case 1: {
        bool has_room = true;
        for (int32_t i = 0; i < kv.num_kv_groups(); ++i) has_room = kv.make_free(i, 6) && has_room;
        if (!has_room) break;
        SequencePages pages = kv.no_pages();
        kv.extend(pages, 24);
        kv.cache(prompt, pages);
        held.push_back(std::move(pages));
        break;
      }
      case 2:
        kv.make_free(static_cast<int32_t>(random_() % static_cast<uint64_t>(kv.num_kv_groups())),
                     static_cast<int32_t>(random_() % 20));
        break;
      default:
        if (!held.empty()) held.erase(held.begin() + static_cast<ptrdiff_t>(random_() % held.size()));
    }
  }
  bool report(int group) { return view.take(group, ++sequence_[group], kvs_[group]->take_prefix_changes()); }
  void lose_report(int group) {
    ++sequence_[group];
    (void)kvs_[group]->take_prefix_changes();
  }
  void tell_all(int group) { kvs_[group]->tell_all_prefixes(); }

  // What the groups have of each prompt, by the view or by themselves.
  std::vector<PrefixProbe> seen() const {
    std::vector<PrefixProbe> all;
    for (const auto& prompt : prompts_) {
      std::vector<PrefixProbe> by_group(kNumGroups);
      view.probe(view.prefixes_of(prompt), by_group);
      all.insert(all.end(), by_group.begin(), by_group.end());
    }
    return all;
  }
  std::vector<PrefixProbe> had() const {
    std::vector<PrefixProbe> all;
    for (const auto& prompt : prompts_) {
      for (const auto& kv : kvs_) all.push_back(kv->probe(std::span(prompt).first(prompt.size() - 1)));
    }
    return all;
  }

 private:
  const std::vector<KvGroupPool> kv_pools_;
  std::mt19937_64 random_;
  std::vector<std::vector<TokenId>> prompts_;
  std::unique_ptr<KvIndex> kvs_[kNumGroups];
  std::vector<SequencePages> held_[kNumGroups];
  uint64_t sequence_[kNumGroups] = {};
};

struct ViewedPools {
  std::string name;
  std::vector<KvGroupPool> kv_groups;
};
void PrintTo(const ViewedPools& pools, std::ostream* out) {
  *out << pools.name;
}
class PrefixViewTest : public ::testing::TestWithParam<ViewedPools> {};

// The controller keeps what it looked up by the two rules of versions.
TEST_P(PrefixViewTest, SeesWhatTheGroupsHaveAndVersionsSayWhenThatMayHaveChanged) {
  ViewedGroups groups(7, GetParam().kv_groups);
  for (int group = 0; group < ViewedGroups::kNumGroups; ++group) EXPECT_TRUE(groups.report(group));
  std::vector<PrefixVersion> before(groups.view.versions().begin(), groups.view.versions().end());
  std::vector<PrefixProbe> seen_before = groups.seen();
  int num_unchanged = 0;
  int64_t num_cached = 0;
  for (int i = 0; i < 4000; ++i) {
    const int group = i % ViewedGroups::kNumGroups;
    for (int changes = i % 4; changes > 0; --changes) groups.change(group);
    EXPECT_TRUE(groups.report(group));
    const std::vector<PrefixProbe> seen = groups.seen();
    const std::vector<PrefixProbe> had = groups.had();
    const std::vector<PrefixVersion> versions(groups.view.versions().begin(), groups.view.versions().end());
    for (size_t at = 0; at < seen.size(); ++at) {
      ASSERT_EQ(seen[at].num_cached_pages, had[at].num_cached_pages) << i;
      ASSERT_EQ(seen[at].num_held_pages, had[at].num_held_pages) << i;
      num_cached += seen[at].num_cached_pages;
      const size_t own = at % ViewedGroups::kNumGroups;
      if (versions[own] == before[own]) {
        EXPECT_EQ(seen[at].num_cached_pages, seen_before[at].num_cached_pages);
        EXPECT_EQ(seen[at].num_held_pages, seen_before[at].num_held_pages);
        ++num_unchanged;
      }
      const auto most = static_cast<int32_t>(versions[own].num_held - before[own].num_held);
      EXPECT_LE(seen[at].num_held_pages, seen_before[at].num_held_pages + most);
    }
    before = versions;
    seen_before = seen;
  }
  EXPECT_GT(num_unchanged, 1000);
  EXPECT_GT(num_cached, 4000);
}

TEST_P(PrefixViewTest, IsRightAgainAfterLostDigestsAndRestarts) {
  ViewedGroups groups(8, GetParam().kv_groups);
  std::mt19937_64 random(3);
  int num_asked = 0;
  std::vector<bool> is_missing(ViewedGroups::kNumGroups, true);  // until its next report in time
  for (int i = 0; i < 4000; ++i) {
    const int group = static_cast<int>(random() % ViewedGroups::kNumGroups);
    groups.change(group);
    if (random() % 20 == 0) {
      groups.lose_report(group);
      is_missing[static_cast<size_t>(group)] = true;
      continue;
    }
    if (random() % 50 == 0) {
      groups.view.lose(group);
      groups.start(group);
    }
    if (!groups.report(group)) {
      ++num_asked;
      EXPECT_EQ(groups.view.num_prefixes(group), 0);
      groups.tell_all(group);
      EXPECT_TRUE(groups.report(group));
    }
    is_missing[static_cast<size_t>(group)] = false;
    const std::vector<PrefixProbe> seen = groups.seen();
    const std::vector<PrefixProbe> had = groups.had();
    for (size_t at = 0; at < seen.size(); ++at) {
      if (is_missing[at % ViewedGroups::kNumGroups]) continue;
      ASSERT_EQ(seen[at].num_cached_pages, had[at].num_cached_pages);
      ASSERT_EQ(seen[at].num_held_pages, had[at].num_held_pages);
    }
  }
  EXPECT_GT(num_asked, 50);
}

INSTANTIATE_TEST_SUITE_P(
    All, PrefixViewTest,
    ::testing::Values(ViewedPools{"all", {{.num_pages = 24}}},
                      ViewedPools{"all_and_window", {{.num_pages = 24}, {.window = 6, .num_pages = 14}}},
                      ViewedPools{"two_windows", {{.window = 13, .num_pages = 24}, {.window = 6, .num_pages = 14}}}),
    [](const auto& parameter) { return parameter.param.name; });

PrefixDigest whole_digest(std::vector<uint64_t> added) {
  return {.is_whole = true,
          .added = std::move(added),
          .shape = {.page_size = 2, .long_rope_from = 7, .num_pages = 3, .window_pages = {-1}}};
}

TEST(PrefixView, FindsALongRequestsPrefixesApart) {
  PrefixView view(1);
  EXPECT_TRUE(view.prefixes_of(viewed_tokens(6, 0)).empty()) << "nobody has told how prefixes are found";
  view.take(0, 1, whole_digest({}));
  EXPECT_EQ(view.prefixes_of(viewed_tokens(7, 0)).size(), 3U);
  EXPECT_NE(view.prefixes_of(viewed_tokens(7, 0))[0], view.prefixes_of(viewed_tokens(8, 0))[0]);
  EXPECT_TRUE(view.prefixes_of({}).empty());
}

TEST(PrefixView, TheLastReusableTokenIsAlwaysComputed) {
  PrefixView view(1);
  view.take(0, 1, whole_digest({}));
  const std::vector<uint64_t> prefixes = view.prefixes_of(viewed_tokens(7, 0));
  view.take(0, 2, {.added = prefixes, .held = {prefixes[0]}});
  const auto cached = [&](int64_t reusable_len) {
    PrefixProbe own;
    view.probe(view.reusable(prefixes, reusable_len), {&own, 1});
    EXPECT_LE(own.num_held_pages, 1);
    return own.num_cached_pages;
  };
  EXPECT_EQ(cached(7), 3);
  EXPECT_EQ(cached(6), 2);
  EXPECT_EQ(cached(3), 1);
  EXPECT_EQ(cached(0), 0);
}

TEST(PrefixView, HasNoMorePrefixesThanTheGroupHasPages) {
  PrefixView view(2);
  view.take(0, 1, whole_digest({1, 2, 3, 4, 5}));
  EXPECT_EQ(view.num_prefixes(0), 3);
  view.take(0, 2, {.removed = {1}, .added = {6, 7}});
  EXPECT_EQ(view.num_prefixes(0), 3);
}

TEST(PrefixView, TheSameDigestTwiceChangesNothing) {
  PrefixView view(1);
  view.take(0, 1, whole_digest({1}));
  EXPECT_TRUE(view.take(0, 2, {.removed = {1}, .added = {2}}));
  EXPECT_TRUE(view.take(0, 3, {.removed = {2}, .added = {1}}));
  EXPECT_TRUE(view.take(0, 2, {.removed = {1}, .added = {2}}));
  EXPECT_EQ(view.num_prefixes(0), 1);
}

TEST(PrefixView, AGroupThatFindsPrefixesInAnotherWayHasNone) {
  PrefixView view(2);
  view.take(0, 1, whole_digest({1}));
  PrefixDigest other = whole_digest({1});
  other.shape.page_size = 4;
  EXPECT_TRUE(view.take(1, 1, other));
  EXPECT_TRUE(view.take(1, 2, {.added = {2}}));
  EXPECT_EQ(view.num_prefixes(1), 0);
}

}  // namespace
}  // namespace braid
