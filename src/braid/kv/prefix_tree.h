// The prefix cache: a radix tree over token sequences whose every edge is one whole page of tokens, so that a prefix
// computed once is read by all that share it. Only full pages are shared: what a sequence still writes is its own.
// (RadixAttention: Zheng et al., SGLang, arXiv 2312.07104.)
//
// A node has a page of every KV group (kv_group.h), but where a group has a window it may have lost its page: then a
// prefix that ends within a window behind it is not to be had, and a shorter one is given.
//
// Who holds a page of the tree holds the pages above it too, but for those behind a window (match() and insert() see to
// that), and gives them back last (Pages does). So whatever nobody but the tree holds can be evicted, in the order in
// which it was given back: where a group sees all, a page then never has another one below it. Deterministic: equal
// calls give equal trees.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "braid/kv/page_pool.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_probe.h"

namespace braid {

// A sequence's pages in one KV group, one behind the other; those before are behind the group's window.
struct PageRun {
  int32_t first = 0;  // the place of pages[0] in the sequence: it has positions [first * page_size, …)
  Pages pages;

  int32_t end() const { return first + pages.size(); }
};
using SequencePages = std::vector<PageRun>;  // by KV group

struct PrefixMatch {
  int32_t num_pages = 0;  // of the prefix
  SequencePages pages;    // of each group those that whoever goes on behind the prefix reads
};

class PrefixTree {
 public:
  struct Group {
    PagePool* pool = nullptr;
    int32_t window = 0;  // 0: the group sees all
  };
  // The widest group first, and only that may see all. The pools outlive the tree.
  PrefixTree(std::vector<Group> groups, int32_t page_size);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The longest prefix of `tokens` in whole pages that can be had, held for the caller. O(its length).
  PrefixMatch match(std::span<const TokenId> tokens);

  // The same without holding anything or counting as a use.
  PrefixProbe probe(std::span<const TokenId> tokens) const;

  // Adds the whole pages of `tokens`, whose keys and values are in `pages`: of each group one for each page_size tokens
  // from its first on, the last may be missing or partial and stays out. Where the tree has a page with the same tokens
  // already, `pages` lets go of its own copy and holds the tree's instead. O(length).
  void insert(std::span<const TokenId> tokens, SequencePages& pages);

  // Lets go of up to `count` pages of the group that nobody else holds, those first that nobody has held for the
  // longest; the number let go of. O(count).
  int32_t evict(int32_t count, int32_t group = 0);

  int32_t num_nodes() const { return static_cast<int32_t>(nodes_.size()); }
  std::vector<PageId> page_ids(int32_t group = 0) const;  // in no particular order; for checks

 private:
  struct Node {
    uint64_t id = 0;
    Node* parent = nullptr;
    std::vector<TokenId> tokens;  // [page_size]
    std::vector<Pages> pages;     // by group, one each; empty: there is none any more
    int32_t num_children = 0;

    PageId page(size_t group) const { return pages[group].ids()[0]; }
  };
  // A node is found by its parent and its page of tokens.
  struct Key {
    uint64_t parent = 0;
    std::span<const TokenId> tokens;
  };
  static Key key_of(const Node& node) {
    return {.parent = node.parent == nullptr ? 0 : node.parent->id, .tokens = node.tokens};
  }
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Key& key) const;
    size_t operator()(const std::unique_ptr<Node>& node) const { return (*this)(key_of(*node)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const;
    bool operator()(const std::unique_ptr<Node>& a, const std::unique_ptr<Node>& b) const { return a == b; }
    bool operator()(const Key& a, const std::unique_ptr<Node>& b) const { return (*this)(a, key_of(*b)); }
    bool operator()(const std::unique_ptr<Node>& a, const Key& b) const { return (*this)(key_of(*a), b); }
  };
  struct OwnGroup {
    PagePool* pool = nullptr;
    int32_t window_pages = 0;     // that who goes on behind a page reads before it; -1: all
    std::vector<Node*> nodes_of;  // by page

    bool sees_all() const { return window_pages < 0; }
  };

  std::vector<Node*> path_of(std::span<const TokenId> tokens) const;
  int32_t longest_to_be_had(std::span<Node* const> path) const;
  int32_t first_read(const OwnGroup& group, int32_t num_pages) const;
  Node* find(const Node* parent, std::span<const TokenId> page) const;
  Node* add(Node* parent, std::span<const TokenId> tokens);
  void give_page(Node& node, size_t group, Pages page);
  void drop_page(Node& node, size_t group);
  void remove(Node* leaf);
  void remove_bare(Node* node);
  void limit_bare_nodes();
  std::span<const TokenId> page_of(std::span<const TokenId> tokens, int32_t index) const {
    return tokens.subspan(static_cast<size_t>(index) * static_cast<size_t>(page_size_),
                          static_cast<size_t>(page_size_));
  }
  int32_t whole_pages(std::span<const TokenId> tokens) const {
    return static_cast<int32_t>(tokens.size() / static_cast<size_t>(page_size_));
  }

  std::vector<OwnGroup> groups_;
  const int32_t page_size_;
  std::unordered_set<std::unique_ptr<Node>, Hash, Equal> nodes_;
  uint64_t next_id_ = 1;  // 0: the root, which has no node
};

}  // namespace braid
