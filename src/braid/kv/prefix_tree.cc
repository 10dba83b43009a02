#include "braid/kv/prefix_tree.h"

#include <algorithm>

#include "braid/base/check.h"
#include "braid/kv/kv_group.h"

namespace braid {
namespace {

// Where every group has a window, nodes may be left without any page, to lead to others that have one: at most so many
// nodes a page, and some more (a quarter of a kilobyte each).
constexpr size_t kNodesAPage = 16;
constexpr size_t kFreeNodes = 65536;

}  // namespace

size_t PrefixTree::Hash::operator()(const Key& key) const {
  uint64_t hash = key.parent * 0x9e3779b97f4a7c15U;
  for (const TokenId token : key.tokens) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0xff51afd7ed558ccdU;
    hash ^= hash >> 32;
  }
  return hash;
}

bool PrefixTree::Equal::operator()(const Key& a, const Key& b) const {
  return a.parent == b.parent && std::ranges::equal(a.tokens, b.tokens);
}

PrefixTree::PrefixTree(std::vector<Group> groups, int32_t page_size) : page_size_(page_size) {
  CHECK(page_size > 0, "pages of {} tokens", page_size);
  CHECK(!groups.empty());
  for (const Group& group : groups) {
    OwnGroup& own = groups_.emplace_back();
    own.pool = group.pool;
    own.window_pages = group.window == 0 ? -1 : window_pages(group.window, page_size);
    CHECK(!own.sees_all() || groups_.size() == 1, "KV group {} sees all", groups_.size() - 1);
    own.nodes_of.assign(static_cast<size_t>(group.pool->num_pages()), nullptr);
  }
}

PrefixTree::~PrefixTree() {
  for (const auto& node : nodes_) {
    for (size_t group = 0; group < groups_.size(); ++group) {
      if (!node->pages[group].empty()) groups_[group].pool->set_cached(node->page(group), false);
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

// The first of the group's pages that whoever goes on behind `num_pages` reads.
int32_t PrefixTree::first_read(const OwnGroup& group, int32_t num_pages) const {
  return group.sees_all() ? 0 : std::max(0, num_pages - group.window_pages);
}

// How far along the path one can go on: behind a place where every group has all that is read there.
int32_t PrefixTree::longest_to_be_had(std::span<Node* const> path) const {
  const auto len = static_cast<int32_t>(path.size());
  if (groups_.size() == 1 && groups_[0].sees_all()) return len;
  int32_t longest = 0;
  std::vector<int32_t> first_of_run(groups_.size(), 0);  // of the pages without a hole that end here
  for (int32_t end = 1; end <= len; ++end) {
    bool has_all = true;
    for (size_t group = 0; group < groups_.size(); ++group) {
      if (path[static_cast<size_t>(end - 1)]->pages[group].empty()) first_of_run[group] = end;
      has_all = has_all && first_of_run[group] <= first_read(groups_[group], end);
    }
    if (has_all) longest = end;
  }
  return longest;
}

PrefixMatch PrefixTree::match(std::span<const TokenId> tokens) {
  const std::vector<Node*> path = path_of(tokens);
  PrefixMatch match{.num_pages = longest_to_be_had(path), .pages = SequencePages(groups_.size())};
  for (size_t group = 0; group < groups_.size(); ++group) {
    PageRun& run = match.pages[group];
    run.first = first_read(groups_[group], match.num_pages);
    for (int32_t i = run.first; i < match.num_pages; ++i) {
      run.pages.append_shared(path[static_cast<size_t>(i)]->pages[group]);
    }
  }
  return match;
}

PrefixProbe PrefixTree::probe(std::span<const TokenId> tokens) const {
  const std::vector<Node*> path = path_of(tokens);
  PrefixProbe probe{.num_cached_pages = longest_to_be_had(path)};
  for (int32_t i = first_read(groups_[0], probe.num_cached_pages); i < probe.num_cached_pages; ++i) {
    probe.num_held_pages += groups_[0].pool->references(path[static_cast<size_t>(i)]->page(0)) > 1 ? 1 : 0;
  }
  return probe;
}

void PrefixTree::insert(std::span<const TokenId> tokens, SequencePages& pages) {
  CHECK(pages.size() == groups_.size(), "pages of {} KV groups, there are {}", pages.size(), groups_.size());
  int32_t count = whole_pages(tokens);
  for (const PageRun& run : pages) count = std::min(count, run.end());
  Node* node = nullptr;
  for (int32_t i = 0; i < count; ++i) {
    Node* child = find(node, page_of(tokens, i));
    if (child == nullptr) child = add(node, page_of(tokens, i));
    for (size_t group = 0; group < groups_.size(); ++group) {
      const int32_t index = i - pages[group].first;
      if (index < 0) continue;  // behind the window
      Pages& own = pages[group].pages;
      if (child->pages[group].empty()) {
        give_page(*child, group, own.share(index, 1));
      } else if (child->page(group) != own.ids()[static_cast<size_t>(index)]) {
        own.replace(index, child->pages[group].share(0, 1));
      }
    }
    node = child;
  }
  remove_bare(node);
  limit_bare_nodes();
}

int32_t PrefixTree::evict(int32_t count, int32_t group) {
  OwnGroup& own = groups_[static_cast<size_t>(group)];
  int32_t evicted = 0;
  for (; evicted < count; ++evicted) {
    const PageId page = own.pool->longest_idle_cached();
    if (page < 0) break;
    Node* const node = own.nodes_of[static_cast<size_t>(page)];
    if (own.sees_all()) {
      // Who holds a page holds those above it, and gives them back last: so what is below has been idle for longer.
      CHECK(node->num_children == 0, "page {} is idle for longer than those below it", page);
      remove(node);
    } else {
      drop_page(*node, static_cast<size_t>(group));
      remove_bare(node);
    }
  }
  return evicted;
}

std::vector<PageId> PrefixTree::page_ids(int32_t group) const {
  std::vector<PageId> ids;
  ids.reserve(nodes_.size());
  for (const auto& node : nodes_) {
    const Pages& own = node->pages[static_cast<size_t>(group)];
    if (!own.empty()) ids.push_back(own.ids()[0]);
  }
  return ids;
}

PrefixTree::Node* PrefixTree::find(const Node* parent, std::span<const TokenId> page) const {
  const auto found = nodes_.find(Key{.parent = parent == nullptr ? 0 : parent->id, .tokens = page});
  return found == nodes_.end() ? nullptr : found->get();
}

PrefixTree::Node* PrefixTree::add(Node* parent, std::span<const TokenId> tokens) {
  auto node = std::make_unique<Node>();
  node->id = next_id_++;
  node->parent = parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->pages.resize(groups_.size());
  if (parent != nullptr) ++parent->num_children;
  Node* added = node.get();
  nodes_.insert(std::move(node));
  return added;
}

void PrefixTree::give_page(Node& node, size_t group, Pages page) {
  OwnGroup& own = groups_[group];
  node.pages[group] = std::move(page);
  own.pool->set_cached(node.page(group), true);
  own.nodes_of[static_cast<size_t>(node.page(group))] = &node;
}

void PrefixTree::drop_page(Node& node, size_t group) {
  OwnGroup& own = groups_[group];
  own.pool->set_cached(node.page(group), false);
  own.nodes_of[static_cast<size_t>(node.page(group))] = nullptr;
  node.pages[group].clear();
}

void PrefixTree::remove(Node* leaf) {
  if (leaf->parent != nullptr) --leaf->parent->num_children;
  for (size_t group = 0; group < groups_.size(); ++group) {
    if (!leaf->pages[group].empty()) drop_page(*leaf, group);
  }
  nodes_.erase(nodes_.find(key_of(*leaf)));
}

// A node without pages that leads to none, and those above it that are left so.
void PrefixTree::remove_bare(Node* node) {
  while (node != nullptr && node->num_children == 0 && std::ranges::all_of(node->pages, &Pages::empty)) {
    Node* const parent = node->parent;
    remove(node);
    node = parent;
  }
}

void PrefixTree::limit_bare_nodes() {
  if (groups_[0].sees_all()) return;  // every node has a page
  const size_t most = kFreeNodes + kNodesAPage * static_cast<size_t>(groups_[0].pool->num_pages());
  while (nodes_.size() > most) {
    int32_t evicted = 0;
    for (int32_t group = 0; group < static_cast<int32_t>(groups_.size()); ++group) evicted += evict(1, group);
    if (evicted == 0) return;
  }
}

}  // namespace braid
