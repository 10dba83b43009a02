// The KV cache's pages as numbers: which are free, and how many references each other page has. Only a Pages value can
// hold a page, so code cannot leak one. Knows nothing of tensors, tokens or requests. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

class PagePool;

// Holds one reference to each page of a list and releases them when destroyed. Move-only; share() makes more
// references.
class Pages {
 public:
  Pages() = default;
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  int32_t size() const { return static_cast<int32_t>(ids_.size()); }
  bool empty() const { return ids_.empty(); }
  std::span<const PageId> ids() const { return ids_; }

  // Adds a reference to pages [first, first + count) of this list.
  Pages share(int32_t first, int32_t count) const;
  // Takes over `more`'s references and appends them. Both must belong to the same pool.
  void append(Pages more);
  // The same, but `other` keeps its references.
  void append_shared(const Pages& other);
  // Releases page `index` and holds the only page of `one` in its place.
  void replace(int32_t index, Pages one);
  // Releases the first `count` pages.
  void drop_front(int32_t count);
  void clear();

 private:
  friend class PagePool;
  explicit Pages(PagePool& pool) : pool_(&pool) {}

  PagePool* pool_ = nullptr;
  std::vector<PageId> ids_;
};

class PagePool {
 public:
  explicit PagePool(int32_t num_pages);
  ~PagePool();  // CHECKs that every page was released
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // `count` free pages with one reference each; nothing if fewer are free. Hands out recently released pages first,
  // then the lowest number, so that no more memory is touched than needed.
  std::optional<Pages> allocate(int32_t count);
  // These pages, which are free, in this order.
  Pages take(std::span<const PageId> pages);

  int32_t num_pages() const { return static_cast<int32_t>(references_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t references(PageId page) const { return references_[static_cast<size_t>(page)]; }

  // The prefix cache marks the pages that it holds, so that the pool can count the idle ones: those that only the cache
  // holds. Idle and free pages together are available.
  void set_cached(PageId page, bool cached);
  int32_t num_idle_cached() const { return num_idle_cached_; }
  // The pages that became cached, uncached, idle or no longer idle since the last call, each once.
  std::vector<PageId> take_changed();
  // The cached page that has been idle for the longest; -1: there is none.
  PageId longest_idle_cached() const { return idle_.front().next; }
  int32_t num_available() const { return num_free() + num_idle_cached_; }

 private:
  friend class Pages;
  void add_reference(PageId page);
  void release(PageId page);
  // Call after every change that may make a cached page idle or no longer idle.
  void update_idle(PageId page);
  void note_change(PageId page);

  std::vector<int32_t> references_;  // [num_pages]
  std::vector<bool> cached_;         // [num_pages]
  std::vector<PageId> free_;         // a stack
  int32_t num_idle_cached_ = 0;
  std::vector<PageId> changed_;   // since take_changed()
  std::vector<bool> is_changed_;  // [num_pages]

  // The idle cached pages in the order in which they became idle: a ring of links, indexed by page + 1. Index 0 is the
  // ring's end.
  struct IdleLink {
    PageId previous = -1;  // -1: the end
    PageId next = -1;
    bool is_in = false;
  };
  IdleLink& idle_link(PageId page) { return idle_[static_cast<size_t>(page + 1)]; }
  std::vector<IdleLink> idle_;  // [num_pages + 1]
};

}  // namespace braid
