#include "braid/kv/kv_index.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

KvIndex::KvIndex(std::span<const KvGroupPool> kv_groups, int32_t page_size, int32_t max_new_tokens,
                 bool has_prefix_cache)
    : page_size_(page_size),
      max_new_tokens_(max_new_tokens),
      has_prefix_cache_(has_prefix_cache),
      report_(kv_groups, page_size) {
  CHECK(!kv_groups.empty() && page_size >= 1 && max_new_tokens >= 1);
  std::vector<PrefixTree::KvGroup> of_tree;
  for (const KvGroupPool& kv_group : kv_groups) {
    kv_groups_.push_back({.window = kv_group.window, .pool = std::make_unique<PagePool>(kv_group.num_pages)});
    of_tree.push_back({.pool = kv_groups_.back().pool.get(), .window = kv_group.window});
  }
  tree_ = std::make_unique<PrefixTree>(std::move(of_tree), page_size);
}

PrefixDigest KvIndex::take_prefix_changes() {
  for (int32_t kv_group = 0; kv_group < num_kv_groups(); ++kv_group) {
    PagePool& own = *kv_groups_[static_cast<size_t>(kv_group)].pool;
    for (const PageId page : own.take_changed()) {
      report_.note(kv_group, page, tree_->hash_of(page, kv_group), own.references(page) > 1);
    }
  }
  return report_.take();
}

PrefixMatch KvIndex::match(std::span<const TokenId> tokens) {
  if (!has_prefix_cache_) return {.num_pages = 0, .pages = no_pages()};
  return tree_->match(tokens);
}

PrefixProbe KvIndex::probe(std::span<const TokenId> tokens) const {
  return has_prefix_cache_ ? tree_->probe(tokens) : PrefixProbe{};
}

void KvIndex::cache(std::span<const TokenId> computed, SequencePages& pages) {
  if (has_prefix_cache_) tree_->insert(computed, pages);
}

void KvIndex::adopt(std::span<const KeptPage> kept) {
  if (!has_prefix_cache_ || kept.empty()) return;
  CHECK(num_kv_groups() == 1 && kv_groups_[0].window == 0 && pool().num_free() == pool().num_pages());
  std::vector<PageId> ids;
  std::vector<bool> has_full_child(kept.size());
  const auto is_full = [&](const KeptPage& page) { return std::cmp_equal(page.tokens.size(), page_size_); };
  for (const KeptPage& page : kept) {
    ids.push_back(page.page);
    if (page.parent >= 0 && is_full(page)) has_full_child[static_cast<size_t>(page.parent)] = true;
  }
  const Pages all = kv_groups_[0].pool->take(ids);
  for (size_t last = 0; last < kept.size(); ++last) {
    if (has_full_child[last]) continue;
    std::vector<size_t> path;  // to it
    for (auto at = static_cast<int32_t>(last); at >= 0; at = kept[static_cast<size_t>(at)].parent) {
      path.push_back(static_cast<size_t>(at));
    }
    std::ranges::reverse(path);
    std::vector<TokenId> tokens;
    for (const size_t at : path) tokens.insert(tokens.end(), kept[at].tokens.begin(), kept[at].tokens.end());
    if (!is_full(kept[last])) {
      kept_.push_back({.tokens = std::move(tokens), .page = all.share(static_cast<int32_t>(last), 1)});
      continue;
    }
    SequencePages pages(1);
    for (const size_t at : path) pages[0].pages.append(all.share(static_cast<int32_t>(at), 1));
    tree_->insert(tokens, pages);
  }
}

int32_t KvIndex::take_kept(std::span<const TokenId> tokens, int64_t num_cached, SequencePages& pages) {
  const auto first = static_cast<size_t>(num_cached);
  size_t longest = first;
  auto best = kept_.end();
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    const size_t last = kept->tokens.size() - 1;
    if (last - last % static_cast<size_t>(page_size_) != first) continue;
    const auto common = static_cast<size_t>(std::ranges::mismatch(kept->tokens, tokens).in1 - kept->tokens.begin());
    if (common <= longest) continue;
    longest = common;
    best = kept;
  }
  if (best == kept_.end()) return 0;
  pages[0].pages.append(std::move(best->page));
  kept_.erase(best);
  return static_cast<int32_t>(longest - first);
}

std::vector<PageId> KvIndex::kept_pages() const {
  std::vector<PageId> pages;
  for (const Kept& kept : kept_) pages.push_back(kept.page.ids()[0]);
  return pages;
}

std::vector<PageId> KvIndex::free_pages() const {
  std::vector<PageId> pages;
  for (PageId page = 0; page < pool().num_pages(); ++page) {
    if (pool().references(page) == 0) pages.push_back(page);
  }
  return pages;
}

int64_t KvIndex::flush() {
  drop_kept();
  const int64_t evicted = tree_->evict(pool().num_pages());
  for (int32_t kv_group = 1; kv_group < num_kv_groups(); ++kv_group) tree_->evict(pool(kv_group).num_pages(), kv_group);
  return evicted * page_size_;
}

int32_t KvIndex::num_missing(int32_t kv_group, const SequencePages& pages, int64_t num_tokens) const {
  return std::max(0, pages_for(num_tokens) - pages[static_cast<size_t>(kv_group)].end());
}

bool KvIndex::make_free(int32_t kv_group, int32_t num_pages) {
  if (pool(kv_group).num_free() < num_pages) drop_kept();
  tree_->evict(num_pages - pool(kv_group).num_free(), kv_group);
  return pool(kv_group).num_free() >= num_pages;
}

void KvIndex::extend(SequencePages& pages, int64_t num_tokens) {
  for (int32_t kv_group = 0; kv_group < num_kv_groups(); ++kv_group) {
    const int32_t missing = num_missing(kv_group, pages, num_tokens);
    if (missing == 0) continue;
    auto more = kv_groups_[static_cast<size_t>(kv_group)].pool->allocate(missing);
    CHECK(more.has_value(), "KV group {} has not {} pages", kv_group, missing);
    pages[static_cast<size_t>(kv_group)].pages.append(std::move(*more));
  }
}

void KvIndex::release_behind(SequencePages& pages, int64_t num_computed) const {
  for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
    PageRun& run = pages[kv_group];
    const int32_t first = first_kept_page(kv_groups_[kv_group].window, num_computed, page_size_);
    if (first <= run.first) continue;
    run.pages.drop_front(std::min(first - run.first, run.pages.size()));
    run.first = first;
  }
}

int32_t KvIndex::num_kept(int64_t num_computed) const {
  int32_t total = 0;
  for (const KvGroup& kv_group : kv_groups_) {
    total += std::max(0, pages_for(num_computed) - first_kept_page(kv_group.window, num_computed, page_size_));
  }
  return total;
}

int64_t KvIndex::num_soon(int32_t kv_group, const SequencePages& pages, const SequenceExtent& extent) const {
  const PageRun& run = pages[static_cast<size_t>(kv_group)];
  const int64_t in_all = int64_t{pages_for(extent.num_tokens)} + 1 - run.end();
  const int32_t window = kv_groups_[static_cast<size_t>(kv_group)].window;
  if (window == 0) return in_all;
  const int64_t num_new = std::clamp<int64_t>(extent.num_tokens - extent.num_computed, 1, max_new_tokens_);
  return std::max<int64_t>(0, std::min(in_all, most_kept_pages(window, num_new, page_size_) - run.pages.size()));
}

std::optional<int64_t> KvIndex::most_pages(int32_t kv_group) const {
  const int32_t window = kv_groups_[static_cast<size_t>(kv_group)].window;
  if (window == 0) return std::nullopt;
  return most_kept_pages(window, max_new_tokens_, page_size_);
}

}  // namespace braid
