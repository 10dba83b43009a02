// The KV pages of one DP group as numbers: a pool for each KV group, and one prefix cache over all of them. Computes
// what a sequence needs in each pool; the scheduler decides which sequence waits or gives way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "braid/kv/kv_group.h"
#include "braid/kv/page_pool.h"
#include "braid/kv/prefix_report.h"
#include "braid/kv/prefix_tree.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_digest.h"

namespace braid {

// What a sequence's need for pages depends on.
struct SequenceExtent {
  int64_t num_tokens = 0;    // prompt and output so far
  int64_t num_computed = 0;  // of these: how many have their keys and values in its pages
};

// A page whose keys and values are there before anything was computed (kv/kept_pages.h).
struct KeptPage {
  PageId page = 0;
  int32_t parent = -1;          // of the list, before this one: a full page with the tokens before these; -1: none
  std::vector<TokenId> tokens;  // full, or the first ones of a page

  bool operator==(const KeptPage&) const = default;
};

class KvIndex {
 public:
  // `kv_groups`: widest window first (KvGroups). `max_new_tokens`: of one sequence in one step.
  KvIndex(std::span<const KvGroupPool> kv_groups, int32_t page_size, int32_t max_new_tokens, bool has_prefix_cache);

  int32_t num_kv_groups() const { return static_cast<int32_t>(kv_groups_.size()); }
  SequencePages no_pages() const { return SequencePages(kv_groups_.size()); }
  int32_t pages_for(int64_t num_tokens) const {
    return static_cast<int32_t>((num_tokens + page_size_ - 1) / page_size_);
  }

  // The prefix cache. If it is off, these find and do nothing.
  PrefixMatch match(std::span<const TokenId> tokens);
  PrefixProbe probe(std::span<const TokenId> tokens) const;
  // What the cache gained and lost since the last call; at the first call, and after tell_all_prefixes(), all it has.
  // The shape lacks long_rope_from.
  PrefixDigest take_prefix_changes();
  void tell_all_prefixes() { report_.start_anew(); }
  void cache(std::span<const TokenId> computed, SequencePages& pages);  // adds their full pages
  int64_t flush();  // evicts all pages that no sequence holds; returns how many cached tokens are lost

  // Takes these pages over: full ones are in the prefix cache from now on, others wait for a sequence that begins with
  // their tokens. Call before anything else; not where a KV group has a window. Without the prefix cache nothing is.
  void adopt(std::span<const KeptPage> kept);
  // Appends to `pages`, which are those of the first `num_cached` tokens, the waiting page that has the most of those
  // that follow. Returns how many of these it has.
  int32_t take_kept(std::span<const TokenId> tokens, int64_t num_cached, SequencePages& pages);
  // Waiting pages are free from now on. They are, too, once a page is missing.
  void drop_kept() { kept_.clear(); }
  std::vector<PageId> kept_pages() const;  // those that wait; for checks
  std::vector<PageId> free_pages() const;  // of the first KV group
  // Pages that can be had at once, unless a sequence takes them: free ones, idle ones of the prefix cache, waiting
  // ones.
  int32_t num_available(int32_t kv_group = 0) const {
    return pool(kv_group).num_available() + (kv_group == 0 ? static_cast<int32_t>(kept_.size()) : 0);
  }

  // Pages for the sequence's first `num_tokens` tokens, except those behind a window. First call make_free() with what
  // is missing in each KV group: it evicts from the prefix cache, and returns false if that is not enough. Then
  // extend().
  int32_t num_missing(int32_t kv_group, const SequencePages& pages, int64_t num_tokens) const;
  bool make_free(int32_t kv_group, int32_t num_pages);
  void extend(SequencePages& pages, int64_t num_tokens);

  // Releases the pages that are behind the windows once `num_computed` tokens are computed (first_kept_page).
  void release_behind(SequencePages& pages, int64_t num_computed) const;
  // How many pages of all KV groups together a sequence holds between two steps.
  int32_t num_kept(int64_t num_computed) const;

  // How many pages a sequence does not hold yet but will need soon: for the tokens it has, and one more page to grow.
  int64_t num_soon(int32_t kv_group, const SequencePages& pages, const SequenceExtent& extent) const;
  // The most pages that a sequence can ever hold; nothing for a KV group that sees all positions.
  std::optional<int64_t> most_pages(int32_t kv_group) const;

  const PagePool& pool(int32_t kv_group = 0) const { return *kv_groups_[static_cast<size_t>(kv_group)].pool; }
  const PrefixTree& tree() const { return *tree_; }

 private:
  struct KvGroup {
    int32_t window = 0;
    std::unique_ptr<PagePool> pool;
  };
  // A page of an earlier start that waits for its sequence.
  struct Kept {
    std::vector<TokenId> tokens;  // from the sequence's first on; the last ones, not a whole page, are in
    Pages page;
  };

  const int32_t page_size_;
  const int32_t max_new_tokens_;
  const bool has_prefix_cache_;
  std::vector<KvGroup> kv_groups_;
  std::unique_ptr<PrefixTree> tree_;
  std::vector<Kept> kept_;
  PrefixReport report_;
};

}  // namespace braid
