#include "braid/parallel/hand_over_room.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr int64_t kUnit = 4096;

int64_t in_units(int64_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

HandOverRoom::HandOverRoom(SharedSegment segment) : segment_(std::move(segment)) {
  free_[0] = static_cast<int64_t>(segment_.memory().size());
}

Result<std::shared_ptr<HandOverRoom>> HandOverRoom::make(int64_t bytes) {
  TRY(SharedSegment segment, SharedSegment::make(in_units(bytes), "braid-pages"));
  return std::shared_ptr<HandOverRoom>(new HandOverRoom(std::move(segment)));
}

std::optional<Buffer> HandOverRoom::take(int64_t bytes) {
  CHECK(bytes > 0, "room for {} bytes", bytes);
  const int64_t size = in_units(bytes);
  int64_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(free_, [&](const auto& one) { return one.second >= size; });
    if (found == free_.end()) return std::nullopt;
    offset = found->first;
    const int64_t rest = found->second - size;
    free_.erase(found);
    if (rest > 0) free_[offset + size] = rest;
  }
  std::byte* const data = segment_.memory().data() + offset;
  std::shared_ptr<const void> owner(
      data, [room = shared_from_this(), offset, size](const void*) { room->give_back(offset, size); });
  return Buffer(std::move(owner), data, bytes);
}

void HandOverRoom::give_back(int64_t offset, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  auto after = free_.lower_bound(offset);
  if (after != free_.end() && after->first == offset + bytes) {
    bytes += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  }
  free_[offset] = bytes;
}

std::optional<int64_t> HandOverRoom::offset_of(const Buffer& buffer) const {
  const std::span<const std::byte> memory = segment_.memory();
  const std::byte* const data = buffer.data();
  if (!std::less_equal<>()(memory.data(), data) || !std::less<>()(data, memory.data() + memory.size())) {
    return std::nullopt;
  }
  return data - memory.data();
}

}  // namespace braid
