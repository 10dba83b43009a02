#include "braid/kv/page_pool.h"

#include <utility>

#include "braid/base/check.h"

namespace braid {

Pages::~Pages() {
  clear();
}

Pages::Pages(Pages&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), ids_(std::exchange(other.ids_, {})) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = std::exchange(other.pool_, nullptr);
  ids_ = std::exchange(other.ids_, {});
  return *this;
}

Pages Pages::share(int32_t first, int32_t count) const {
  CHECK(first >= 0 && count >= 0 && first + count <= size(), "pages {}+{} of {}", first, count, size());
  Pages shared;
  shared.pool_ = pool_;
  shared.ids_.assign(ids_.begin() + first, ids_.begin() + first + count);
  for (const PageId page : shared.ids_) pool_->add_reference(page);
  return shared;
}

void Pages::append(Pages more) {
  if (more.empty()) return;
  if (pool_ == nullptr) pool_ = more.pool_;
  CHECK(pool_ == more.pool_, "pages of two pools in one list");
  ids_.insert(ids_.end(), more.ids_.begin(), more.ids_.end());
  more.ids_.clear();
}

void Pages::append_shared(const Pages& other) {
  if (other.empty()) return;
  if (pool_ == nullptr) pool_ = other.pool_;
  CHECK(pool_ == other.pool_, "pages of two pools in one list");
  for (const PageId page : other.ids_) pool_->add_reference(page);
  ids_.insert(ids_.end(), other.ids_.begin(), other.ids_.end());
}

void Pages::replace(int32_t index, Pages one) {
  CHECK(index >= 0 && index < size() && one.size() == 1 && one.pool_ == pool_, "page {} of {}", index, size());
  std::swap(ids_[static_cast<size_t>(index)], one.ids_[0]);
}

void Pages::drop_front(int32_t count) {
  CHECK(count >= 0 && count <= size(), "{} pages of {}", count, size());
  for (int32_t i = count; i > 0; --i) pool_->release(ids_[static_cast<size_t>(i - 1)]);
  ids_.erase(ids_.begin(), ids_.begin() + count);
}

void Pages::clear() {
  // Backwards, so that the pool's stack hands them out again in the same order.
  for (size_t i = ids_.size(); i > 0; --i) pool_->release(ids_[i - 1]);
  ids_.clear();
}

PagePool::PagePool(int32_t num_pages) {
  CHECK(num_pages >= 0, "a pool of {} pages", num_pages);
  references_.assign(static_cast<size_t>(num_pages), 0);
  cached_.assign(static_cast<size_t>(num_pages), false);
  is_changed_.assign(static_cast<size_t>(num_pages), false);
  idle_.resize(static_cast<size_t>(num_pages) + 1);
  free_.reserve(static_cast<size_t>(num_pages));
  for (PageId page = num_pages - 1; page >= 0; --page) free_.push_back(page);
}

PagePool::~PagePool() {
  CHECK(num_free() == num_pages(), "{} pages were never given back", num_pages() - num_free());
}

std::optional<Pages> PagePool::allocate(int32_t count) {
  CHECK(count >= 0, "{} pages", count);
  if (count > num_free()) return std::nullopt;
  Pages pages(*this);
  pages.ids_.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    const PageId page = free_.back();
    free_.pop_back();
    references_[static_cast<size_t>(page)] = 1;
    pages.ids_.push_back(page);
  }
  return pages;
}

Pages PagePool::take(std::span<const PageId> pages) {
  Pages taken(*this);
  for (const PageId page : pages) {
    CHECK(page >= 0 && page < num_pages() && references(page) == 0, "page {} of {} is not free", page, num_pages());
    references_[static_cast<size_t>(page)] = 1;
    taken.ids_.push_back(page);
  }
  std::erase_if(free_, [&](PageId page) { return references(page) > 0; });
  return taken;
}

void PagePool::set_cached(PageId page, bool cached) {
  CHECK(references(page) > 0 && cached_[static_cast<size_t>(page)] != cached, "page {}", page);
  cached_[static_cast<size_t>(page)] = cached;
  note_change(page);
  update_idle(page);
}

void PagePool::note_change(PageId page) {
  if (is_changed_[static_cast<size_t>(page)]) return;
  is_changed_[static_cast<size_t>(page)] = true;
  changed_.push_back(page);
}

std::vector<PageId> PagePool::take_changed() {
  for (const PageId page : changed_) is_changed_[static_cast<size_t>(page)] = false;
  return std::exchange(changed_, {});
}

void PagePool::add_reference(PageId page) {
  CHECK(references(page) > 0, "page {} is free", page);
  ++references_[static_cast<size_t>(page)];
  update_idle(page);
}

void PagePool::release(PageId page) {
  int32_t& references = references_[static_cast<size_t>(page)];
  CHECK(references > 0, "page {} is given back twice", page);
  CHECK(references > 1 || !cached_[static_cast<size_t>(page)], "page {} leaves while the cache lists it", page);
  --references;
  update_idle(page);
  if (references == 0) free_.push_back(page);
}

void PagePool::update_idle(PageId page) {
  const bool is_idle = cached_[static_cast<size_t>(page)] && references_[static_cast<size_t>(page)] == 1;
  IdleLink& own = idle_link(page);
  if (own.is_in == is_idle) return;
  own.is_in = is_idle;
  note_change(page);
  if (is_idle) {
    own = {.previous = idle_link(-1).previous, .next = -1, .is_in = true};
    idle_link(own.previous).next = page;
    idle_link(-1).previous = page;
    ++num_idle_cached_;
  } else {
    idle_link(own.previous).next = own.next;
    idle_link(own.next).previous = own.previous;
    --num_idle_cached_;
  }
}

}  // namespace braid
