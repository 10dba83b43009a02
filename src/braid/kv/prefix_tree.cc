#include "braid/kv/prefix_tree.h"

#include <algorithm>

#include "braid/base/check.h"
#include "braid/kv/kv_group.h"

namespace braid {
namespace {

// If every KV group has a window, a node can lose all its pages and stay as the way to nodes that have some. Limit:
// this many nodes per page, and some extra (a quarter of a kilobyte each).
constexpr size_t kNodesPerPage = 16;
constexpr size_t kExtraNodes = 65536;

}  // namespace

bool PrefixTree::Equal::operator()(const Key& a, const Key& b) const {
  return a.parent == b.parent && std::ranges::equal(a.tokens, b.tokens);
}

PrefixTree::PrefixTree(std::vector<KvGroup> kv_groups, int32_t page_size) : page_size_(page_size) {
  CHECK(page_size > 0, "pages of {} tokens", page_size);
  CHECK(!kv_groups.empty());
  for (const KvGroup& kv_group : kv_groups) {
    OwnKvGroup& own = kv_groups_.emplace_back();
    own.pool = kv_group.pool;
    own.window_pages = kv_group.window == 0 ? -1 : window_pages(kv_group.window, page_size);
    CHECK(!own.sees_all() || kv_groups_.size() == 1, "KV group {} sees all", kv_groups_.size() - 1);
    own.nodes_of.assign(static_cast<size_t>(kv_group.pool->num_pages()), nullptr);
  }
}

PrefixTree::~PrefixTree() {
  for (const auto& node : nodes_) {
    for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
      if (!node->pages[kv_group].empty()) kv_groups_[kv_group].pool->set_cached(node->page(kv_group), false);
    }
  }
}

std::vector<PrefixTree::Node*> PrefixTree::path_of(std::span<const TokenId> tokens) const {
  std::vector<Node*> path;
  Node* node = nullptr;
  for (int32_t i = 0; i < whole_pages(tokens); ++i) {
    node = find(node, page_of(tokens, i));
    if (node == nullptr) break;
    path.push_back(node);
  }
  return path;
}

// The KV group's first page that a sequence reads which continues behind `num_pages` pages.
int32_t PrefixTree::first_read(const OwnKvGroup& kv_group, int32_t num_pages) const {
  return kv_group.sees_all() ? 0 : std::max(0, num_pages - kv_group.window_pages);
}

// The longest prefix of the path that a sequence can continue from: every KV group still has all pages that are read
// there.
int32_t PrefixTree::longest_available(std::span<Node* const> path) const {
  const auto len = static_cast<int32_t>(path.size());
  if (kv_groups_.size() == 1 && kv_groups_[0].sees_all()) return len;
  int32_t longest = 0;
  std::vector<int32_t> first_of_run(kv_groups_.size(), 0);  // of the run of present pages that ends here
  for (int32_t end = 1; end <= len; ++end) {
    bool has_all = true;
    for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
      if (path[static_cast<size_t>(end - 1)]->pages[kv_group].empty()) first_of_run[kv_group] = end;
      has_all = has_all && first_of_run[kv_group] <= first_read(kv_groups_[kv_group], end);
    }
    if (has_all) longest = end;
  }
  return longest;
}

PrefixMatch PrefixTree::match(std::span<const TokenId> tokens) {
  const std::vector<Node*> path = path_of(tokens);
  PrefixMatch match{.num_pages = longest_available(path), .pages = SequencePages(kv_groups_.size())};
  for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
    PageRun& run = match.pages[kv_group];
    run.first = first_read(kv_groups_[kv_group], match.num_pages);
    for (int32_t i = run.first; i < match.num_pages; ++i) {
      run.pages.append_shared(path[static_cast<size_t>(i)]->pages[kv_group]);
    }
  }
  return match;
}

PrefixProbe PrefixTree::probe(std::span<const TokenId> tokens) const {
  const std::vector<Node*> path = path_of(tokens);
  PrefixProbe probe{.num_cached_pages = longest_available(path)};
  for (int32_t i = first_read(kv_groups_[0], probe.num_cached_pages); i < probe.num_cached_pages; ++i) {
    probe.num_held_pages += kv_groups_[0].pool->references(path[static_cast<size_t>(i)]->page(0)) > 1 ? 1 : 0;
  }
  return probe;
}

void PrefixTree::insert(std::span<const TokenId> tokens, SequencePages& pages) {
  CHECK(pages.size() == kv_groups_.size(), "pages of {} KV groups, there are {}", pages.size(), kv_groups_.size());
  int32_t count = whole_pages(tokens);
  for (const PageRun& run : pages) count = std::min(count, run.end());
  Node* node = nullptr;
  for (int32_t i = 0; i < count; ++i) {
    Node* child = find(node, page_of(tokens, i));
    if (child == nullptr) child = add(node, page_of(tokens, i));
    for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
      const int32_t index = i - pages[kv_group].first;
      if (index < 0) continue;  // released: behind the window
      Pages& own = pages[kv_group].pages;
      if (child->pages[kv_group].empty()) {
        set_page(*child, kv_group, own.share(index, 1));
      } else if (child->page(kv_group) != own.ids()[static_cast<size_t>(index)]) {
        own.replace(index, child->pages[kv_group].share(0, 1));
      }
    }
    node = child;
  }
  remove_empty(node);
  limit_empty_nodes();
}

int32_t PrefixTree::evict(int32_t count, int32_t kv_group) {
  OwnKvGroup& own = kv_groups_[static_cast<size_t>(kv_group)];
  int32_t evicted = 0;
  for (; evicted < count; ++evicted) {
    const PageId page = own.pool->longest_idle_cached();
    if (page < 0) break;
    Node* const node = own.nodes_of[static_cast<size_t>(page)];
    if (own.sees_all()) {
      // A holder of a page also holds its ancestors and releases them last, so pages below it have been idle for
      // longer.
      CHECK(node->num_children == 0, "page {} is idle for longer than those below it", page);
      remove(node);
    } else {
      drop_page(*node, static_cast<size_t>(kv_group));
      remove_empty(node);
    }
  }
  return evicted;
}

std::optional<uint64_t> PrefixTree::hash_of(PageId page, int32_t kv_group) const {
  const Node* const node = kv_groups_[static_cast<size_t>(kv_group)].nodes_of[static_cast<size_t>(page)];
  return node == nullptr ? std::nullopt : std::optional(node->hash);
}

std::vector<PageId> PrefixTree::page_ids(int32_t kv_group) const {
  std::vector<PageId> ids;
  ids.reserve(nodes_.size());
  for (const auto& node : nodes_) {
    const Pages& own = node->pages[static_cast<size_t>(kv_group)];
    if (!own.empty()) ids.push_back(own.ids()[0]);
  }
  return ids;
}

PrefixTree::Node* PrefixTree::find(const Node* parent, std::span<const TokenId> page) const {
  const auto found = nodes_.find(key_of(parent, page));
  return found == nodes_.end() ? nullptr : found->get();
}

PrefixTree::Node* PrefixTree::add(Node* parent, std::span<const TokenId> tokens) {
  auto node = std::make_unique<Node>();
  node->id = next_id_++;
  node->hash = key_of(parent, tokens).hash;
  node->parent = parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->pages.resize(kv_groups_.size());
  if (parent != nullptr) ++parent->num_children;
  Node* added = node.get();
  nodes_.insert(std::move(node));
  return added;
}

void PrefixTree::set_page(Node& node, size_t kv_group, Pages page) {
  OwnKvGroup& own = kv_groups_[kv_group];
  node.pages[kv_group] = std::move(page);
  own.pool->set_cached(node.page(kv_group), true);
  own.nodes_of[static_cast<size_t>(node.page(kv_group))] = &node;
}

void PrefixTree::drop_page(Node& node, size_t kv_group) {
  OwnKvGroup& own = kv_groups_[kv_group];
  own.pool->set_cached(node.page(kv_group), false);
  own.nodes_of[static_cast<size_t>(node.page(kv_group))] = nullptr;
  node.pages[kv_group].clear();
}

void PrefixTree::remove(Node* leaf) {
  if (leaf->parent != nullptr) --leaf->parent->num_children;
  for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
    if (!leaf->pages[kv_group].empty()) drop_page(*leaf, kv_group);
  }
  nodes_.erase(nodes_.find(key_of(*leaf)));
}

// Removes the node if it has neither pages nor children, then its ancestors that are left like that.
void PrefixTree::remove_empty(Node* node) {
  while (node != nullptr && node->num_children == 0 && std::ranges::all_of(node->pages, &Pages::empty)) {
    Node* const parent = node->parent;
    remove(node);
    node = parent;
  }
}

void PrefixTree::limit_empty_nodes() {
  if (kv_groups_[0].sees_all()) return;  // every node has a page
  const size_t most = kExtraNodes + kNodesPerPage * static_cast<size_t>(kv_groups_[0].pool->num_pages());
  while (nodes_.size() > most) {
    int32_t evicted = 0;
    for (int32_t kv_group = 0; kv_group < static_cast<int32_t>(kv_groups_.size()); ++kv_group)
      evicted += evict(1, kv_group);
    if (evicted == 0) return;
  }
}

}  // namespace braid
