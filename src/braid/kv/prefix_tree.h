// The prefix cache: a tree over token sequences in which every edge is one full page of tokens. A prefix is computed
// once and read by all sequences that share it. Only full pages are shared: the page that a sequence still writes is
// its own. (RadixAttention: Zheng et al., SGLang, arXiv 2312.07104.)
//
// A node has a page of every KV group (kv_group.h), but may have lost its page in a KV group with a window. A prefix
// whose last window includes the lost page is then unavailable, and match() returns a shorter one.
//
// A holder of a page also holds its ancestors, except behind a window (match() and insert() see to it), and releases
// them last (Pages does). So idle pages, which only the tree holds, can be evicted in release order: in a KV group that
// sees all positions, an evicted page never has another below it. Deterministic: equal calls make equal trees.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "braid/kv/page_pool.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_hash.h"
#include "braid/request/prefix_probe.h"

namespace braid {

// A sequence's consecutive pages in one KV group. Pages before `first` are behind the KV group's window.
struct PageRun {
  int32_t first = 0;  // the index of pages[0] in the sequence: it holds positions [first * page_size, …)
  Pages pages;

  int32_t end() const { return first + pages.size(); }
};
using SequencePages = std::vector<PageRun>;  // by KV group

struct PrefixMatch {
  int32_t num_pages = 0;  // length of the prefix
  SequencePages pages;    // of each KV group: those that a sequence reads which continues from the prefix
};

class PrefixTree {
 public:
  struct KvGroup {
    PagePool* pool = nullptr;
    int32_t window = 0;  // 0: it sees all positions
  };
  // Widest window first; only the first KV group may see all positions. The pools outlive the tree.
  PrefixTree(std::vector<KvGroup> kv_groups, int32_t page_size);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The longest available prefix of `tokens` in full pages, held for the caller. O(its length).
  PrefixMatch match(std::span<const TokenId> tokens);

  // The same, but holds nothing and does not count as a use.
  PrefixProbe probe(std::span<const TokenId> tokens) const;

  // Adds the full pages of `tokens`, whose keys and values are in `pages`: in each KV group one page for every
  // page_size tokens, from the run's first page on. A last page that is partial or missing is not added. Where the tree
  // already has a page with the same tokens, `pages` releases its own copy and holds the tree's instead. O(length).
  void insert(std::span<const TokenId> tokens, SequencePages& pages);

  // Evicts up to `count` idle pages of the KV group, those idle for the longest first. Returns how many. O(count).
  int32_t evict(int32_t count, int32_t kv_group = 0);

  // prefix_hash() of the prefix that ends with the page; nothing if the tree does not have the page.
  std::optional<uint64_t> hash_of(PageId page, int32_t kv_group = 0) const;

  int32_t num_nodes() const { return static_cast<int32_t>(nodes_.size()); }
  std::vector<PageId> page_ids(int32_t kv_group = 0) const;  // in no particular order; for checks

 private:
  struct Node {
    uint64_t id = 0;
    uint64_t hash = 0;  // prefix_hash()
    Node* parent = nullptr;
    std::vector<TokenId> tokens;  // [page_size]
    std::vector<Pages> pages;     // by KV group, one page each; empty: the page was evicted
    int32_t num_children = 0;

    PageId page(size_t kv_group) const { return pages[kv_group].ids()[0]; }
  };
  // A node is found by its parent and its page of tokens.
  struct Key {
    uint64_t parent = 0;
    uint64_t hash = 0;
    std::span<const TokenId> tokens;
  };
  static Key key_of(const Node* parent, std::span<const TokenId> tokens) {
    return {.parent = parent == nullptr ? 0 : parent->id,
            .hash = prefix_hash(parent == nullptr ? 0 : parent->hash, tokens),
            .tokens = tokens};
  }
  static Key key_of(const Node& node) {
    return {.parent = node.parent == nullptr ? 0 : node.parent->id, .hash = node.hash, .tokens = node.tokens};
  }
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Key& key) const { return key.hash; }
    size_t operator()(const std::unique_ptr<Node>& node) const { return node->hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const;
    bool operator()(const std::unique_ptr<Node>& a, const std::unique_ptr<Node>& b) const { return a == b; }
    bool operator()(const Key& a, const std::unique_ptr<Node>& b) const { return (*this)(a, key_of(*b)); }
    bool operator()(const std::unique_ptr<Node>& a, const Key& b) const { return (*this)(key_of(*a), b); }
  };
  struct OwnKvGroup {
    PagePool* pool = nullptr;
    int32_t window_pages = 0;  // how many pages a sequence that continues from a page boundary reads before it; -1: all
    std::vector<Node*> nodes_of;  // [pages of the pool]

    bool sees_all() const { return window_pages < 0; }
  };

  std::vector<Node*> path_of(std::span<const TokenId> tokens) const;
  int32_t longest_available(std::span<Node* const> path) const;
  int32_t first_read(const OwnKvGroup& kv_group, int32_t num_pages) const;
  Node* find(const Node* parent, std::span<const TokenId> page) const;
  Node* add(Node* parent, std::span<const TokenId> tokens);
  void set_page(Node& node, size_t kv_group, Pages page);
  void drop_page(Node& node, size_t kv_group);
  void remove(Node* leaf);
  void remove_empty(Node* node);
  void limit_empty_nodes();
  std::span<const TokenId> page_of(std::span<const TokenId> tokens, int32_t index) const {
    return tokens.subspan(static_cast<size_t>(index) * static_cast<size_t>(page_size_),
                          static_cast<size_t>(page_size_));
  }
  int32_t whole_pages(std::span<const TokenId> tokens) const {
    return static_cast<int32_t>(tokens.size() / static_cast<size_t>(page_size_));
  }

  std::vector<OwnKvGroup> kv_groups_;
  const int32_t page_size_;
  std::unordered_set<std::unique_ptr<Node>, Hash, Equal> nodes_;
  uint64_t next_id_ = 1;  // 0 is the root, which has no node
};

}  // namespace braid
