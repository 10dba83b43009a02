#include "braid/kv/radix_tree.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

size_t RadixTree::Hash::operator()(const Key& key) const {
  uint64_t hash = key.parent * 0x9e3779b97f4a7c15U;
  for (const TokenId token : key.tokens) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0xff51afd7ed558ccdU;
    hash ^= hash >> 32;
  }
  return hash;
}

bool RadixTree::Equal::operator()(const Key& a, const Key& b) const {
  return a.parent == b.parent && std::ranges::equal(a.tokens, b.tokens);
}

RadixTree::RadixTree(BlockPool& pool, int32_t page_size) : pool_(pool), page_size_(page_size) {
  CHECK(page_size > 0, "pages of {} tokens", page_size);
}

RadixTree::~RadixTree() {
  for (const auto& node : nodes_) pool_.set_cached(node->page.ids()[0], false);
}

Pages RadixTree::match(std::span<const TokenId> tokens) {
  ++clock_;
  Pages pages;
  Node* node = nullptr;
  for (int32_t i = 0; i < whole_pages(tokens); ++i) {
    node = find(node, page_of(tokens, i));
    if (node == nullptr) break;
    touch(node);
    pages.append(node->page.share(0, 1));
  }
  return pages;
}

PrefixProbe RadixTree::probe(std::span<const TokenId> tokens) const {
  PrefixProbe probe;
  const Node* node = nullptr;
  for (int32_t i = 0; i < whole_pages(tokens); ++i) {
    node = find(node, page_of(tokens, i));
    if (node == nullptr) break;
    ++probe.num_cached_pages;
    probe.num_held_pages += pool_.references(node->page.ids()[0]) > 1 ? 1 : 0;
  }
  return probe;
}

void RadixTree::insert(std::span<const TokenId> tokens, Pages& pages) {
  ++clock_;
  Node* node = nullptr;
  const int32_t count = std::min(whole_pages(tokens), pages.size());
  for (int32_t i = 0; i < count; ++i) {
    Node* child = find(node, page_of(tokens, i));
    if (child == nullptr) {
      child = add(node, page_of(tokens, i), pages.share(i, 1));
    } else {
      touch(child);
      if (child->page.ids()[0] != pages.ids()[static_cast<size_t>(i)]) pages.replace(i, child->page.share(0, 1));
    }
    node = child;
  }
}

int32_t RadixTree::evict(int32_t count) {
  int32_t evicted = 0;
  while (evicted < count) {
    // Leaves that a sequence holds are passed over; there are at most as many as sequences.
    const auto idle =
        std::ranges::find_if(leaves_, [this](const Node* leaf) { return pool_.references(leaf->page.ids()[0]) == 1; });
    if (idle == leaves_.end()) break;
    remove(*idle);
    ++evicted;
  }
  return evicted;
}

std::vector<PageId> RadixTree::page_ids() const {
  std::vector<PageId> ids;
  ids.reserve(nodes_.size());
  for (const auto& node : nodes_) ids.push_back(node->page.ids()[0]);
  return ids;
}

RadixTree::Node* RadixTree::find(const Node* parent, std::span<const TokenId> page) const {
  const auto found = nodes_.find(Key{.parent = parent == nullptr ? 0 : parent->id, .tokens = page});
  return found == nodes_.end() ? nullptr : found->get();
}

RadixTree::Node* RadixTree::add(Node* parent, std::span<const TokenId> tokens, Pages page) {
  auto node = std::make_unique<Node>();
  node->id = next_id_++;
  node->parent = parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->page = std::move(page);
  node->last_used = clock_;
  pool_.set_cached(node->page.ids()[0], true);
  if (parent != nullptr && parent->num_children++ == 0) leaves_.erase(parent);
  leaves_.insert(node.get());
  Node* added = node.get();
  nodes_.insert(std::move(node));
  return added;
}

void RadixTree::remove(Node* leaf) {
  leaves_.erase(leaf);
  Node* parent = leaf->parent;
  if (parent != nullptr && --parent->num_children == 0) leaves_.insert(parent);
  pool_.set_cached(leaf->page.ids()[0], false);
  nodes_.erase(nodes_.find(key_of(*leaf)));
}

void RadixTree::touch(Node* node) {
  const bool is_leaf = node->num_children == 0;
  if (is_leaf) leaves_.erase(node);
  node->last_used = clock_;
  if (is_leaf) leaves_.insert(node);
}

}  // namespace braid
