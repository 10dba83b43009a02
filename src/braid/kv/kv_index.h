// The KV pages of one DP group as numbers: a pool for each KV group, and the prefix cache over them all. Says what a
// sequence needs of each; who must wait or give way is the scheduler's affair.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "braid/kv/kv_group.h"
#include "braid/kv/page_pool.h"
#include "braid/kv/prefix_tree.h"
#include "braid/request/ids.h"

namespace braid {

// A sequence as far as its pages depend on it.
struct SequenceExtent {
  int64_t num_tokens = 0;    // that it has
  int64_t num_computed = 0;  // of them, whose keys and values are in its pages
};

class KvIndex {
 public:
  // `groups`: the widest first (KvGroups). `max_new_tokens`: of one sequence in one step.
  KvIndex(std::span<const KvGroupPool> groups, int32_t page_size, int32_t max_new_tokens, bool has_prefix_cache);

  int32_t num_groups() const { return static_cast<int32_t>(groups_.size()); }
  SequencePages no_pages() const { return SequencePages(groups_.size()); }
  int32_t pages_for(int64_t num_tokens) const {
    return static_cast<int32_t>((num_tokens + page_size_ - 1) / page_size_);
  }

  // The prefix cache; without it, none of these finds or does anything.
  PrefixMatch match(std::span<const TokenId> tokens);
  PrefixProbe probe(std::span<const TokenId> tokens) const;
  void cache(std::span<const TokenId> computed, SequencePages& pages);  // their full pages
  int64_t flush();  // all that no sequence holds; the number of tokens that can no longer be had

  // Pages for the sequence's first `num_tokens` tokens, as far as they are not behind a window. First free what each
  // group is missing, evicting from the prefix cache at most: false if that does not do.
  int32_t num_missing(int32_t group, const SequencePages& pages, int64_t num_tokens) const;
  bool make_free(int32_t group, int32_t num_pages);
  void extend(SequencePages& pages, int64_t num_tokens);

  // Gives back what is behind the windows when so many tokens are computed (first_kept_page).
  void release_behind(SequencePages& pages, int64_t num_computed) const;
  // How many pages a sequence with so many computed tokens holds between two steps, of all KV groups together.
  int32_t num_kept(int64_t num_computed) const;

  // The pages that a sequence does not hold yet and will soon: for the tokens it has, and one more to grow.
  int64_t num_soon(int32_t group, const SequencePages& pages, const SequenceExtent& extent) const;
  // The most that a request can come to hold; nothing where its group sees all.
  std::optional<int64_t> most_pages(int32_t group) const;

  const PagePool& pool(int32_t group = 0) const { return *groups_[static_cast<size_t>(group)].pool; }
  const PrefixTree& tree() const { return *tree_; }

 private:
  struct Group {
    int32_t window = 0;
    std::unique_ptr<PagePool> pool;
  };

  const int32_t page_size_;
  const int32_t max_new_tokens_;
  const bool has_prefix_cache_;
  std::vector<Group> groups_;
  std::unique_ptr<PrefixTree> tree_;
};

}  // namespace braid
