#include "braid/kv/kv_index.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

KvIndex::KvIndex(std::span<const KvGroupPool> groups, int32_t page_size, int32_t max_new_tokens, bool has_prefix_cache)
    : page_size_(page_size), max_new_tokens_(max_new_tokens), has_prefix_cache_(has_prefix_cache) {
  CHECK(!groups.empty() && page_size >= 1 && max_new_tokens >= 1);
  std::vector<PrefixTree::Group> of_tree;
  for (const KvGroupPool& group : groups) {
    groups_.push_back({.window = group.window, .pool = std::make_unique<PagePool>(group.num_pages)});
    of_tree.push_back({.pool = groups_.back().pool.get(), .window = group.window});
  }
  tree_ = std::make_unique<PrefixTree>(std::move(of_tree), page_size);
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

int64_t KvIndex::flush() {
  const int64_t evicted = tree_->evict(pool().num_pages());
  for (int32_t group = 1; group < num_groups(); ++group) tree_->evict(pool(group).num_pages(), group);
  return evicted * page_size_;
}

int32_t KvIndex::num_missing(int32_t group, const SequencePages& pages, int64_t num_tokens) const {
  return std::max(0, pages_for(num_tokens) - pages[static_cast<size_t>(group)].end());
}

bool KvIndex::make_free(int32_t group, int32_t num_pages) {
  tree_->evict(num_pages - pool(group).num_free(), group);
  return pool(group).num_free() >= num_pages;
}

void KvIndex::extend(SequencePages& pages, int64_t num_tokens) {
  for (int32_t group = 0; group < num_groups(); ++group) {
    const int32_t missing = num_missing(group, pages, num_tokens);
    if (missing == 0) continue;
    auto more = groups_[static_cast<size_t>(group)].pool->allocate(missing);
    CHECK(more.has_value(), "KV group {} has not {} pages", group, missing);
    pages[static_cast<size_t>(group)].pages.append(std::move(*more));
  }
}

void KvIndex::release_behind(SequencePages& pages, int64_t num_computed) const {
  for (size_t group = 0; group < groups_.size(); ++group) {
    PageRun& run = pages[group];
    const int32_t first = first_kept_page(groups_[group].window, num_computed, page_size_);
    if (first <= run.first) continue;
    run.pages.drop_front(std::min(first - run.first, run.pages.size()));
    run.first = first;
  }
}

int32_t KvIndex::num_kept(int64_t num_computed) const {
  int32_t total = 0;
  for (const Group& group : groups_) {
    total += std::max(0, pages_for(num_computed) - first_kept_page(group.window, num_computed, page_size_));
  }
  return total;
}

int64_t KvIndex::num_soon(int32_t group, const SequencePages& pages, const SequenceExtent& extent) const {
  const PageRun& run = pages[static_cast<size_t>(group)];
  const int64_t in_all = int64_t{pages_for(extent.num_tokens)} + 1 - run.end();
  const int32_t window = groups_[static_cast<size_t>(group)].window;
  if (window == 0) return in_all;
  const int64_t num_new = std::clamp<int64_t>(extent.num_tokens - extent.num_computed, 1, max_new_tokens_);
  return std::max<int64_t>(0, std::min(in_all, most_kept_pages(window, num_new, page_size_) - run.pages.size()));
}

std::optional<int64_t> KvIndex::most_pages(int32_t group) const {
  const int32_t window = groups_[static_cast<size_t>(group)].window;
  if (window == 0) return std::nullopt;
  return most_kept_pages(window, max_new_tokens_, page_size_);
}

}  // namespace braid
