#include "braid/kv/committed_pages.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/index_range.h"
#include "braid/tensor/buffer.h"

namespace braid {
namespace {

constexpr int64_t kSystemPage = 4096;

// Writes back what is there: the system backs the memory, and its content stays.
void touch_bytes(std::span<std::byte> bytes) {
  volatile std::byte* const first = bytes.data();
  const auto size = std::ssize(bytes);
  for (int64_t at = 0; at < size; at += kSystemPage) first[at] = first[at];
  first[size - 1] = first[size - 1];
}

}  // namespace

CommittedPages::CommittedPages(std::vector<std::byte*> memories, int32_t num_pages, int64_t page_bytes,
                               bool are_of_file)
    : memories_(std::move(memories)), page_bytes_(page_bytes), is_committed_(static_cast<size_t>(num_pages)) {
  if (!are_of_file) return;
  for (size_t i = 0; i < memories_.size(); ++i) {
    is_huge_.push_back(std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(memory_bytes() / kPieceBytes + 1)));
  }
}

// A huge page of a file is made before its bytes are touched one small page at a time. Only whole ones of memories that
// have some: a small pool would take more than its pages.
void CommittedPages::back_huge_pages(size_t memory, std::span<std::byte> bytes) {
  if (is_huge_.empty() || memory_bytes() < kPieceBytes) return;
  const int64_t begin = bytes.data() - memories_[memory];
  for (int64_t piece = begin / kPieceBytes; piece * kPieceBytes < begin + std::ssize(bytes); ++piece) {
    if (is_huge_[memory][static_cast<size_t>(piece)].exchange(true)) continue;
    back_huge_pages_of_file({memories_[memory] + piece * kPieceBytes, kPieceBytes});
  }
}

int64_t CommittedPages::committed_bytes() const {
  return std::ssize(memories_) * page_bytes_ * std::ranges::count(is_committed_, true);
}

template <typename Item>
void CommittedPages::touch(ThreadTeam& team, int64_t num_items, const Item& item) {
  team.run([&](int thread) {
    const IndexRange own = split_evenly(num_items, thread, team.size());
    for (int64_t i = own.begin; i < own.end; ++i) {
      const auto [memory, bytes] = item(i);
      back_huge_pages(memory, bytes);
      touch_bytes(bytes);
    }
  });
}

std::vector<PageId> CommittedPages::mark(std::span<const PageId> pages) {
  std::vector<PageId> fresh;
  for (const PageId page : pages) {
    CHECK(page >= 0 && page < num_pages(), "page {} of {}", page, num_pages());
    highest_used_ = std::max(highest_used_, page);
    if (!is_committed_[static_cast<size_t>(page)]) fresh.push_back(page);
    is_committed_[static_cast<size_t>(page)] = true;
  }
  return fresh;
}

void CommittedPages::commit(ThreadTeam& team, std::span<const PageId> pages) {
  const std::vector<PageId> fresh = mark(pages);
  if (fresh.empty()) return;
  // Memory by memory: neighbouring pages of one memory share a huge page, which only one thread should make the system
  // clear.
  touch(team, std::ssize(memories_) * std::ssize(fresh), [&](int64_t i) {
    const auto memory = static_cast<size_t>(i / std::ssize(fresh));
    const int64_t page = fresh[static_cast<size_t>(i % std::ssize(fresh))];
    return std::pair(memory, std::span(memories_[memory] + page * page_bytes_, static_cast<size_t>(page_bytes_)));
  });
}

int64_t CommittedPages::used_end() const {
  return int64_t{highest_used_ + 1} * page_bytes_;
}

int64_t CommittedPages::ahead_bytes() const {
  return std::max<int64_t>(0, ahead_end_ - used_end());
}

int64_t CommittedPages::commit_ahead(ThreadTeam& team, int64_t num_pieces) {
  // Pages used since the last call are backed already.
  if (const int64_t used = used_end() / kPieceBytes * kPieceBytes; used > ahead_end_) {
    ahead_end_ = used;
    num_begun_ = 0;
  }
  if (is_whole()) return 0;
  const int64_t end = std::min(ahead_end_ + kPieceBytes, memory_bytes());
  const int64_t count = std::min(num_pieces, std::ssize(memories_) - static_cast<int64_t>(num_begun_));
  touch(team, count, [&](int64_t i) {
    const size_t memory = num_begun_ + static_cast<size_t>(i);
    return std::pair(memory, std::span(memories_[memory] + ahead_end_, static_cast<size_t>(end - ahead_end_)));
  });
  num_begun_ += static_cast<size_t>(count);
  if (num_begun_ == memories_.size()) {
    for (int64_t page = ahead_end_ / page_bytes_; page < end / page_bytes_; ++page) {
      is_committed_[static_cast<size_t>(page)] = true;
    }
    ahead_end_ = end;
    num_begun_ = 0;
  }
  return count;
}

}  // namespace braid
