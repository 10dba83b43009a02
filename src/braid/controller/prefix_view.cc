#include "braid/controller/prefix_view.h"

#include <algorithm>

#include "braid/request/prefix_hash.h"

namespace braid {

PrefixView::PrefixView(int32_t num_groups)
    : index_(num_groups), groups_(static_cast<size_t>(num_groups)), versions_(static_cast<size_t>(num_groups)) {}

bool PrefixView::take(int32_t group, uint64_t sequence, const PrefixDigest& digest) {
  Group& own = groups_.at(static_cast<size_t>(group));
  if (digest.is_whole) {
    own.last = sequence;
    own.is_known = begin(group, digest);
  } else if (sequence <= own.last) {
    return true;  // it came before
  } else if (sequence > own.last + 1) {
    lose(group);
    own.last = sequence;
    return false;
  } else {
    own.last = sequence;
  }
  if (own.is_known && !digest.is_empty()) apply(group, digest);
  return true;
}

// False if the group finds prefixes in another way than the first one that came: then nothing is found in it.
bool PrefixView::begin(int32_t group, const PrefixDigest& digest) {
  forget(group);
  if (!shape_) shape_ = digest.shape;
  return digest.shape == *shape_;
}

void PrefixView::lose(int32_t group) {
  forget(group);
  groups_.at(static_cast<size_t>(group)) = {};
}

void PrefixView::forget(int32_t group) {
  Group& own = groups_.at(static_cast<size_t>(group));
  if (own.num_prefixes > 0) index_.clear(group);
  own.num_prefixes = 0;
  ++versions_[static_cast<size_t>(group)].num_changes;
}

void PrefixView::apply(int32_t group, const PrefixDigest& digest) {
  Group& own = groups_[static_cast<size_t>(group)];
  for (const uint64_t prefix : digest.removed) own.num_prefixes -= index_.remove(prefix, group) ? 1 : 0;
  for (const uint64_t prefix : digest.added) {
    if (own.num_prefixes < shape_->num_pages) own.num_prefixes += index_.add(prefix, group) ? 1 : 0;
  }
  for (const uint64_t prefix : digest.released) index_.set_held(prefix, group, false);
  for (const uint64_t prefix : digest.held) index_.set_held(prefix, group, true);
  PrefixVersion& version = versions_[static_cast<size_t>(group)];
  ++version.num_changes;
  // With windows, one page that comes or goes changes which prefix is the longest, and all of another one may be held.
  version.num_held += has_windows() ? static_cast<uint64_t>(shape_->num_pages) : digest.held.size();
}

std::vector<uint64_t> PrefixView::prefixes_of(std::span<const TokenId> prompt) const {
  if (!shape_ || prompt.empty()) return {};
  const bool is_long = shape_->long_rope_from > 0 && std::ssize(prompt) > shape_->long_rope_from;
  return prefix_hashes(prompt.first(prompt.size() - 1), shape_->page_size, is_long);
}

std::span<const uint64_t> PrefixView::reusable(std::span<const uint64_t> prefixes, int64_t reusable_len) const {
  if (!shape_ || reusable_len < 1) return {};
  const auto num_pages = static_cast<size_t>((reusable_len - 1) / shape_->page_size);
  return prefixes.first(std::min(prefixes.size(), num_pages));
}

void PrefixView::probe(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const {
  std::ranges::fill(by_group, PrefixProbe());
  if (!shape_ || prefixes.empty()) return;
  if (has_windows()) {
    probe_with_windows(prefixes, by_group);
  } else {
    probe_without_windows(prefixes, by_group);
  }
}

bool PrefixView::has_windows() const {
  return shape_->window_pages.size() > 1 || shape_->window_pages[0] >= 0;
}

// Whoever has a page, or holds it, has or holds all before it.
void PrefixView::probe_without_windows(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const {
  const auto num_words = static_cast<size_t>(index_.num_words());
  std::vector<uint64_t> cached(num_words, ~uint64_t{0});
  std::vector<uint64_t> held(num_words, ~uint64_t{0});
  std::vector<uint64_t> before(num_words);
  // Bits beyond the last group are in no prefix's set: only the first page sees them, and that ends no prefix.
  const auto end_those_gone = [&](std::span<const uint64_t> left, int32_t PrefixProbe::*len, int32_t num_pages) {
    for (size_t word = 0; word < num_words; ++word) before[word] &= ~left[word];
    for_each_group(before, [&](int32_t group) { by_group[static_cast<size_t>(group)].*len = num_pages; });
  };
  int32_t num_pages = 0;
  for (const uint64_t prefix : prefixes) {
    const PrefixIndex::Holders holders = index_.find(prefix);
    if (holders.is_empty()) break;
    before = cached;
    holders.keep_cached(cached);
    if (num_pages > 0) end_those_gone(cached, &PrefixProbe::num_cached_pages, num_pages);
    before = held;
    holders.keep_held(held);
    if (num_pages > 0) end_those_gone(held, &PrefixProbe::num_held_pages, num_pages);
    ++num_pages;
    if (std::ranges::all_of(cached, [](uint64_t word) { return word == 0; })) break;
  }
  if (num_pages == 0) return;
  for_each_group(cached, [&](int32_t g) { by_group[static_cast<size_t>(g)].num_cached_pages = num_pages; });
  for_each_group(held, [&](int32_t g) { by_group[static_cast<size_t>(g)].num_held_pages = num_pages; });
}

int32_t PrefixView::first_read(size_t kv_group, int32_t num_pages) const {
  const int32_t window = shape_->window_pages[kv_group];
  return window < 0 ? 0 : std::max(0, num_pages - window);
}

// As PrefixTree does it: a prefix is available where every KV group has all pages that are read there.
void PrefixView::probe_with_windows(std::span<const uint64_t> prefixes, std::span<PrefixProbe> by_group) const {
  struct Run {  // of present pages
    int32_t first = 0;
    int32_t end = 0;
  };
  const size_t num_kv_groups = shape_->window_pages.size();
  std::vector<Run> runs(num_kv_groups * groups_.size());
  const auto run_of = [&](size_t kv_group, int32_t group) -> Run& {
    return runs[kv_group * groups_.size() + static_cast<size_t>(group)];
  };
  for (int32_t page = 0; page < static_cast<int32_t>(prefixes.size()); ++page) {
    const uint64_t prefix = prefixes[static_cast<size_t>(page)];
    const PrefixIndex::Holders widest = index_.find(prefix);
    if (widest.is_empty() && shape_->window_pages[0] < 0) break;
    for (size_t kv_group = 0; kv_group < num_kv_groups; ++kv_group) {
      index_.find(prefix_hash_in(prefix, static_cast<int32_t>(kv_group))).for_each([&](int32_t group) {
        Run& run = run_of(kv_group, group);
        if (run.end != page) run.first = page;
        run.end = page + 1;
      });
    }
    widest.for_each([&](int32_t group) {
      for (size_t kv_group = 0; kv_group < num_kv_groups; ++kv_group) {
        const Run& run = run_of(kv_group, group);
        const int32_t first = first_read(kv_group, page + 1);
        if (first <= page && (run.end != page + 1 || run.first > first)) return;
      }
      by_group[static_cast<size_t>(group)].num_cached_pages = page + 1;
    });
  }
  for (size_t group = 0; group < by_group.size(); ++group) {
    PrefixProbe& own = by_group[group];
    for (int32_t page = first_read(0, own.num_cached_pages); page < own.num_cached_pages; ++page) {
      const bool is_held = index_.find(prefixes[static_cast<size_t>(page)]).is_held(static_cast<int32_t>(group));
      own.num_held_pages += is_held ? 1 : 0;
    }
  }
}

}  // namespace braid
