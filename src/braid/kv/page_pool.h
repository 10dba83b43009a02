// The KV cache's pages as numbers: which are free, and how often each of the others is held. A page is held by a Pages
// value alone, so a leak cannot be written. Knows nothing of tensors, tokens or requests; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

class PagePool;

// One reference to each of a list of pages, given back when it dies. Move-only; share() makes another reference.
class Pages {
 public:
  Pages() = default;
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  int32_t size() const { return static_cast<int32_t>(ids_.size()); }
  bool empty() const { return ids_.empty(); }
  std::span<const PageId> ids() const { return ids_; }

  // Another reference to pages [first, first + count) of this list.
  Pages share(int32_t first, int32_t count) const;
  // Takes over `more`'s references, behind its own. Both must be of one pool.
  void append(Pages more);
  // The same with another reference to each of `other`'s pages, which is of the same pool.
  void append_shared(const Pages& other);
  // Gives page `index` back and holds the only page of `one` in its place.
  void replace(int32_t index, Pages one);
  // Gives the first `count` pages back.
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
  ~PagePool();  // CHECKs that every page came back
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // `count` free pages, each held once; nothing if there are fewer. A page that was in use lately is handed out first,
  // then the lowest number, so that memory is touched only as far as it is needed.
  std::optional<Pages> allocate(int32_t count);

  int32_t num_pages() const { return static_cast<int32_t>(references_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t references(PageId page) const { return references_[static_cast<size_t>(page)]; }

  // The prefix cache marks the pages that it holds, so that the pool can count those that nobody else holds: with the
  // free ones, these are all that can be had.
  void set_cached(PageId page, bool cached);
  int32_t num_idle_cached() const { return num_idle_cached_; }
  // Of those, the one that nobody has held for the longest; -1: there is none.
  PageId longest_idle_cached() const { return idle_.front().next; }
  int32_t num_available() const { return num_free() + num_idle_cached_; }

 private:
  friend class Pages;
  void add_reference(PageId page);
  void release(PageId page);
  // After whatever may have made a cached page idle, or idle no more.
  void update_idle(PageId page);

  std::vector<int32_t> references_;  // [num_pages]
  std::vector<bool> cached_;         // [num_pages]
  std::vector<PageId> free_;         // a stack
  int32_t num_idle_cached_ = 0;

  // The idle cached pages, in the order in which they became so: a ring of links, by page + 1; place 0 is its end.
  struct IdleLink {
    PageId previous = -1;  // -1: the end
    PageId next = -1;
    bool is_in = false;
  };
  IdleLink& idle_link(PageId page) { return idle_[static_cast<size_t>(page + 1)]; }
  std::vector<IdleLink> idle_;  // [num_pages + 1]
};

}  // namespace braid
