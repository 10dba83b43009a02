// The prefix cache: a radix tree over token sequences whose every edge is one whole page of tokens, so that a prefix
// computed once is read by all that share it. Only full pages are shared: what a sequence still writes is its own.
// (RadixAttention: Zheng et al., SGLang, arXiv 2312.07104.)
//
// Who holds a page of the tree holds the pages above it too (match() and insert() see to that), so whatever nobody
// but the tree holds can be evicted, leaves first. Deterministic: equal calls give equal trees.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "braid/kv/block_pool.h"
#include "braid/request/ids.h"

namespace braid {

// What the tree holds of a token sequence.
struct PrefixProbe {
  int32_t num_cached_pages = 0;  // the longest prefix in the tree
  int32_t num_held_pages = 0;    // those of them that a sequence holds as well: to share these takes no page
};

class RadixTree {
 public:
  RadixTree(BlockPool& pool, int32_t page_size);
  ~RadixTree();
  RadixTree(const RadixTree&) = delete;
  RadixTree& operator=(const RadixTree&) = delete;

  // The pages of the longest prefix of `tokens` in whole pages, held for the caller. O(its length).
  Pages match(std::span<const TokenId> tokens);

  // The same without holding anything or counting as a use.
  PrefixProbe probe(std::span<const TokenId> tokens) const;

  // Adds the whole pages of `tokens`, whose keys and values are in `pages` (one for each page_size tokens, the last
  // may be missing or partial and stays out). Where the tree has a page with the same tokens already, `pages` lets go
  // of its own copy and holds the tree's instead. O(length).
  void insert(std::span<const TokenId> tokens, Pages& pages);

  // Lets go of up to `count` pages that nobody else holds, least recently used leaves first; the number let go of.
  int32_t evict(int32_t count);

  int32_t num_pages() const { return static_cast<int32_t>(nodes_.size()); }
  std::vector<PageId> page_ids() const;  // in no particular order; for checks

 private:
  struct Node {
    uint64_t id = 0;
    Node* parent = nullptr;
    std::vector<TokenId> tokens;  // [page_size]
    Pages page;
    int32_t num_children = 0;
    uint64_t last_used = 0;
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
  using LeafKey = std::pair<uint64_t, uint64_t>;  // last_used, id
  struct LeafLess {
    bool operator()(const Node* a, const Node* b) const {
      return LeafKey{a->last_used, a->id} < LeafKey{b->last_used, b->id};
    }
  };

  Node* find(const Node* parent, std::span<const TokenId> page) const;
  Node* add(Node* parent, std::span<const TokenId> tokens, Pages page);
  void remove(Node* leaf);
  void touch(Node* node);
  std::span<const TokenId> page_of(std::span<const TokenId> tokens, int32_t index) const {
    return tokens.subspan(static_cast<size_t>(index) * static_cast<size_t>(page_size_),
                          static_cast<size_t>(page_size_));
  }
  int32_t whole_pages(std::span<const TokenId> tokens) const {
    return static_cast<int32_t>(tokens.size() / static_cast<size_t>(page_size_));
  }

  BlockPool& pool_;
  const int32_t page_size_;
  std::unordered_set<std::unique_ptr<Node>, Hash, Equal> nodes_;
  std::set<Node*, LeafLess> leaves_;  // least recently used first
  uint64_t clock_ = 0;                // counts uses
  uint64_t next_id_ = 1;              // 0: the root, which has no node
};

}  // namespace braid
