#include "braid/kv/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "braid/base/result.h"
#include "braid/kv/kv_group.h"

namespace braid {
namespace {

using Tokens = std::vector<TokenId>;

// A tree with one KV group, whose layers see all positions.
struct OneKvGroup {
  OneKvGroup(int32_t num_pages, int32_t page_size) : pool(num_pages), tree({{.pool = &pool}}, page_size) {}

  Pages match(const Tokens& tokens) {
    PrefixMatch match = tree.match(tokens);
    EXPECT_EQ(match.num_pages, match.pages.at(0).pages.size());
    return std::move(match.pages[0].pages);
  }
  void insert(const Tokens& tokens, Pages& pages) {
    SequencePages all(1);
    all[0].pages = std::move(pages);
    tree.insert(tokens, all);
    pages = std::move(all[0].pages);
  }
  Pages insert_new(const Tokens& tokens, int32_t page_size) {
    auto pages = pool.allocate(static_cast<int32_t>(tokens.size()) / page_size);
    insert(tokens, *pages);
    return std::move(*pages);
  }

  PagePool pool;
  PrefixTree tree;
};

TEST(PrefixTree, MatchesWholePagesOfTheLongestCommonPrefix) {
  OneKvGroup one(10, 2);
  const Pages pages = one.insert_new({1, 2, 3, 4, 5, 6}, 2);
  EXPECT_EQ(one.match(Tokens{1, 2, 3, 4, 5, 6, 7}).size(), 3);
  EXPECT_EQ(one.match(Tokens{1, 2, 3, 4, 5}).size(), 2);
  EXPECT_EQ(one.match(Tokens{1, 2, 3, 9, 5, 6}).size(), 1);
  EXPECT_EQ(one.match(Tokens{1}).size(), 0);
  EXPECT_EQ(one.match(Tokens{3, 4}).size(), 0);
  EXPECT_EQ(one.match(Tokens{}).size(), 0);
  EXPECT_EQ(one.match(Tokens{1, 2, 3, 4}).ids()[1], pages.ids()[1]);
}

TEST(PrefixTree, InsertReplacesASecondCopyByTheTreesPage) {
  OneKvGroup one(10, 2);
  auto& [pool, tree] = one;
  const Pages first = one.insert_new({1, 2, 3, 4}, 2);
  const Pages second = one.insert_new({1, 2, 3, 4, 5, 6}, 2);
  EXPECT_TRUE(std::equal(first.ids().begin(), first.ids().end(), second.ids().begin()));
  EXPECT_EQ(tree.num_nodes(), 3);
  EXPECT_EQ(pool.num_free(), 7);
}

TEST(PrefixTree, EvictsTheLeastRecentlyUsedIdleLeaves) {
  OneKvGroup one(10, 1);
  auto& [pool, tree] = one;
  one.insert_new({1, 2, 3}, 1);  // oldest
  one.insert_new({1, 4}, 1);
  Pages held = one.insert_new({7, 8}, 1);
  one.match(Tokens{1, 2});  // 3 stays the oldest
  EXPECT_EQ(tree.evict(1), 1);
  EXPECT_EQ(one.match(Tokens{1, 2, 3}).size(), 2);  // uses 2, so 4 is now the oldest
  EXPECT_EQ(tree.evict(1), 1);
  EXPECT_EQ(one.match(Tokens{1, 4}).size(), 1);
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_held_pages, 2);
  EXPECT_EQ(tree.evict(10), 2);  // all but what is held
  EXPECT_EQ(tree.num_nodes(), 2);
  held.clear();
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_held_pages, 0);
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_cached_pages, 2);
  EXPECT_EQ(tree.evict(10), 2);
  EXPECT_EQ(pool.num_free(), 10);
}

// Compares the tree with a map from every cached prefix to its page.
TEST(PrefixTree, AgreesWithAMapOfPrefixes) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    const int32_t page_size = pick(1, 4);
    OneKvGroup one(pick(10, 40), page_size);
    auto& [pool, tree] = one;
    std::map<Tokens, PageId> cached;
    std::vector<std::pair<Tokens, Pages>> sequences;
    const auto draw = [&] {
      Tokens tokens(static_cast<size_t>(pick(0, 8 * page_size)));
      for (TokenId& token : tokens) token = pick(0, 1);
      return tokens;
    };
    const auto prefix = [&](const Tokens& tokens, int32_t pages) {
      return Tokens(tokens.begin(), tokens.begin() + pages * page_size);
    };
    const auto forget_evicted = [&] {
      const auto ids = tree.page_ids();
      std::erase_if(cached, [&](const auto& entry) { return std::ranges::find(ids, entry.second) == ids.end(); });
    };
    for (int step = 0; step < 300; ++step) {
      const int action = pick(0, 3);
      if (action == 0 && !sequences.empty()) {
        sequences.erase(sequences.begin() + pick(0, static_cast<int>(sequences.size()) - 1));
      } else if (action == 1) {
        const int32_t idle = pool.num_idle_cached();
        const int32_t wanted = pick(0, 5);
        EXPECT_EQ(tree.evict(wanted), std::min(wanted, idle));
        forget_evicted();
      } else {
        Tokens tokens = draw();
        const auto num_pages = static_cast<int32_t>(tokens.size()) / page_size;
        Pages pages = one.match(tokens);
        int32_t expected = 0;
        while (expected < num_pages && cached.contains(prefix(tokens, expected + 1))) ++expected;
        ASSERT_EQ(pages.size(), expected);
        for (int32_t i = 0; i < expected; ++i) {
          EXPECT_EQ(pages.ids()[static_cast<size_t>(i)], cached.at(prefix(tokens, i + 1)));
        }
        tree.evict(num_pages - expected - pool.num_free());
        forget_evicted();
        auto rest = pool.allocate(num_pages - expected);
        if (!rest) continue;
        pages.append(std::move(*rest));
        one.insert(tokens, pages);
        for (int32_t i = 0; i < num_pages; ++i) {
          cached.emplace(prefix(tokens, i + 1), pages.ids()[static_cast<size_t>(i)]);
        }
        EXPECT_EQ(tree.num_nodes(), static_cast<int32_t>(cached.size()));
        sequences.emplace_back(std::move(tokens), std::move(pages));
      }
      // Pages that sequences hold are never evicted.
      for (const auto& [tokens, pages] : sequences) {
        EXPECT_EQ(tree.probe(tokens).num_cached_pages, pages.size());
        EXPECT_EQ(tree.probe(tokens).num_held_pages, pages.size());
      }
    }
    sequences.clear();
    EXPECT_EQ(tree.evict(1000), static_cast<int32_t>(cached.size()));
    EXPECT_EQ(pool.num_free(), pool.num_pages());
  }
}

// A sequence whose pages behind the window are released, as the scheduler does.
struct WindowedSequence {
  Tokens tokens;
  SequencePages pages;
};

// Two KV groups: one that sees all positions and one with a window; or only the second.
struct Windowed {
  Windowed(int32_t num_pages, int32_t tokens_a_page, int32_t width, bool has_wide)
      : page_size(tokens_a_page),
        window(width),
        wide(num_pages),
        narrow(num_pages),
        tree(kv_groups(has_wide), tokens_a_page) {}

  std::vector<PrefixTree::KvGroup> kv_groups(bool has_wide) {
    std::vector<PrefixTree::KvGroup> kv_groups;
    if (has_wide) kv_groups.push_back({.pool = &wide});
    kv_groups.push_back({.pool = &narrow, .window = window});
    return kv_groups;
  }

  // Computes those of `tokens` that are not cached, in chunks. After each chunk, keeps only the pages of the narrow KV
  // group that lie within the window. Caches after every chunk, or only at the end.
  WindowedSequence compute(const Tokens& tokens, int32_t chunk, bool caches_always) {
    WindowedSequence sequence{.tokens = tokens, .pages = tree.match(tokens).pages};
    int32_t done = sequence.pages.back().end() * page_size;
    while (done < static_cast<int32_t>(tokens.size())) {
      done = std::min(done + chunk, static_cast<int32_t>(tokens.size()));
      for (size_t i = 0; i < sequence.pages.size(); ++i) {
        PageRun& run = sequence.pages[i];
        PagePool& pool = sequence.pages.size() == 2 && i == 0 ? wide : narrow;
        const int32_t missing = (done + page_size - 1) / page_size - run.end();
        tree.evict(missing - pool.num_free(), static_cast<int32_t>(i));
        run.pages.append(std::move(*pool.allocate(missing)));
      }
      if (caches_always || done == static_cast<int32_t>(tokens.size())) {
        tree.insert(std::span(tokens).first(static_cast<size_t>(done)), sequence.pages);
      }
      PageRun& run = sequence.pages.back();
      const int32_t first = first_kept_page(window, done, page_size);
      if (first <= run.first) continue;
      run.pages.drop_front(std::min(first - run.first, run.pages.size()));
      run.first = first;
    }
    return sequence;
  }

  int32_t page_size;
  int32_t window;
  PagePool wide;
  PagePool narrow;
  PrefixTree tree;
};

Tokens counted(int32_t count, TokenId first = 0) {
  Tokens tokens(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tokens[static_cast<size_t>(i)] = first + i;
  return tokens;
}

TEST(PrefixTreeWithWindows, APrefixNeedsItsLastWindow) {
  Windowed kv(20, 2, 4, true);
  kv.compute(counted(20), 2, true);  // every page of both KV groups is cached
  EXPECT_EQ(kv.tree.match(counted(20)).num_pages, 10);
  EXPECT_EQ(kv.tree.match(counted(20)).pages[0].pages.size(), 10);
  EXPECT_EQ(kv.tree.match(counted(20)).pages[1].pages.size(), 2);  // 4 positions: the next one and 3 before it
  EXPECT_EQ(kv.tree.match(counted(20)).pages[1].first, 8);
  EXPECT_EQ(kv.tree.evict(5, 1), 5);  // those released first: pages 0 to 4
  EXPECT_EQ(kv.tree.match(counted(20)).num_pages, 10);
  EXPECT_EQ(kv.tree.match(counted(13)).num_pages, 0) << "page 4 is gone, which the token at 12 reads";
  EXPECT_EQ(kv.tree.match(counted(14)).num_pages, 7);
  EXPECT_EQ(kv.tree.probe(counted(14)).num_cached_pages, 7);
  EXPECT_EQ(kv.tree.match(counted(2)).num_pages, 0);
  EXPECT_EQ(kv.tree.num_nodes(), 10);
  EXPECT_EQ(kv.wide.num_free(), 10);
}

TEST(PrefixTreeWithWindows, AWindowOfOneNeedsNothingBefore) {
  Windowed kv(8, 2, 1, true);
  kv.compute(counted(8), 8, false);
  kv.tree.evict(8, 1);
  EXPECT_EQ(kv.tree.match(counted(8)).num_pages, 4);
  EXPECT_EQ(kv.narrow.num_free(), 8);
}

TEST(PrefixTreeWithWindows, RecomputedPagesFillTheHoles) {
  Windowed kv(20, 2, 4, true);
  kv.compute(counted(20), 2, false);  // of the narrow KV group, only the last pages are cached
  EXPECT_EQ(kv.tree.match(counted(11)).num_pages, 0);
  kv.compute(counted(12), 2, true);
  EXPECT_EQ(kv.tree.match(counted(11)).num_pages, 5);
  EXPECT_EQ(kv.tree.match(counted(20)).num_pages, 10);
  EXPECT_EQ(kv.tree.num_nodes(), 10);
}

TEST(PrefixTreeWithWindows, NodesWithoutPagesOrChildrenAreRemoved) {
  Windowed kv(20, 2, 4, false);
  { const auto held = kv.compute(counted(20), 2, false); }
  EXPECT_EQ(kv.tree.num_nodes(), 10);
  EXPECT_EQ(kv.narrow.num_idle_cached(), 3);  // the last chunk's page and two before it
  EXPECT_EQ(kv.tree.evict(2), 2);
  EXPECT_EQ(kv.tree.num_nodes(), 9) << "the last page's node is gone";
  EXPECT_EQ(kv.tree.evict(5), 1);
  EXPECT_EQ(kv.tree.num_nodes(), 0);
  EXPECT_EQ(kv.narrow.num_free(), 20);
}

// Whatever is evicted: a match is the longest prefix for which both KV groups have the pages that are read, and pages
// that a sequence holds stay.
TEST(PrefixTreeWithWindows, MatchesTheLongestAvailablePrefix) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    const bool has_wide = pick(0, 2) > 0;
    Windowed kv(300, pick(1, 4), pick(1, 20), has_wide);
    const size_t narrow = has_wide ? 1 : 0;
    std::vector<WindowedSequence> sequences;
    for (int step = 0; step < 100; ++step) {
      Tokens tokens(static_cast<size_t>(pick(0, 10 * kv.page_size)));
      for (TokenId& token : tokens) token = pick(0, 1);
      const int action = pick(0, 3);
      if (action == 0 && !sequences.empty()) {
        sequences.erase(sequences.begin() + pick(0, static_cast<int>(sequences.size()) - 1));
      } else if (action == 1) {
        const int32_t idle = kv.narrow.num_idle_cached();
        const int32_t wanted = pick(0, 8);
        EXPECT_EQ(kv.tree.evict(wanted, static_cast<int32_t>(narrow)), std::min(wanted, idle));
        if (has_wide) kv.tree.evict(pick(0, 3));
      } else if (sequences.size() < 8) {
        sequences.push_back(kv.compute(tokens, pick(1, 9), pick(0, 1) == 0));
      }
      const PrefixMatch match = kv.tree.match(tokens);
      EXPECT_EQ(kv.tree.probe(tokens).num_cached_pages, match.num_pages);
      const PageRun& run = match.pages[narrow];
      EXPECT_EQ(run.end(), match.num_pages);
      EXPECT_EQ(run.first, first_kept_page(kv.window, int64_t{match.num_pages} * kv.page_size, kv.page_size));
      if (has_wide) {
        EXPECT_EQ(match.pages[0].pages.size(), match.num_pages);
      }
      for (const WindowedSequence& sequence : sequences) {
        const int32_t whole = static_cast<int32_t>(sequence.tokens.size()) / kv.page_size;
        const PrefixMatch own = kv.tree.match(sequence.tokens);
        ASSERT_EQ(own.num_pages, whole) << "a sequence that is held was lost";
        const PageRun& held = sequence.pages[narrow];
        for (int32_t page = own.pages[narrow].first; page < whole; ++page) {
          EXPECT_EQ(own.pages[narrow].pages.ids()[static_cast<size_t>(page - own.pages[narrow].first)],
                    held.pages.ids()[static_cast<size_t>(page - held.first)]);
        }
      }
    }
    sequences.clear();
    for (int32_t kv_group = 0; kv_group <= static_cast<int32_t>(narrow); ++kv_group) kv.tree.evict(1000, kv_group);
    EXPECT_EQ(kv.wide.num_free() + kv.narrow.num_free(), 600);
    EXPECT_EQ(kv.tree.num_nodes(), 0);
  }
}

}  // namespace
}  // namespace braid
