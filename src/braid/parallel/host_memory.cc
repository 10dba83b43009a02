#include "braid/parallel/host_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "braid/parallel/process_texts.h"
#include "braid/parallel/segment_bytes.h"

namespace braid {
namespace {

constexpr int64_t kMostBytes = int64_t{4} << 20;  // of one process' rings: with many processes slots are smaller
constexpr size_t kFewestSlotBytes = size_t{2} << 10;
constexpr size_t kPage = 4096;
constexpr const char* kShares = "come to share memory";

std::string realm() {
  std::error_code error;
  const auto network = std::filesystem::read_symlink("/proc/self/ns/net", error);
  return fmt::format("{} {}", shared_segment_realm(), error ? "unknown" : network.string());
}

std::string text_of(const SharedSegment::Handle& handle) {
  std::string text(kSegmentBytes, '\0');
  ByteWriter out(reinterpret_cast<std::byte*>(text.data()));
  put_segment(out, handle);
  return text;
}

std::optional<SharedSegment::Handle> handle_of(std::string_view text) {
  if (text.size() != kSegmentBytes) return std::nullopt;
  ByteReader in(std::as_bytes(std::span(text)));
  return get_segment(in);
}

}  // namespace

HostMemory::HostMemory(int32_t own, const RankSpread& spread, int32_t group_size)
    : own_(own),
      spread_(spread),
      group_size_(group_size),
      others_(static_cast<size_t>(spread.num_processes())),
      is_shared_(static_cast<size_t>(spread.num_processes())) {}

Result<std::shared_ptr<const HostMemory>> HostMemory::meet(ProcessPort& port, const RankSpread& spread,
                                                           int32_t group_size, double timeout_s) {
  std::shared_ptr<HostMemory> memory(new HostMemory(port.process(), spread, group_size));
  const auto own = static_cast<size_t>(memory->own_);
  TRY(const auto realms, gather_texts(port, realm(), kShares, timeout_s));
  for (size_t i = 0; i < realms.size(); ++i) {
    if (realms[i] == realms[own]) memory->members_.push_back(static_cast<int32_t>(i));
  }
  const bool is_any_host_shared =
      std::ranges::any_of(realms, [&](const std::string& one) { return std::ranges::count(realms, one) > 1; });
  if (!is_any_host_shared) return std::shared_ptr<const HostMemory>(std::move(memory));
  const auto num_slots = static_cast<int64_t>(2 * kRingSlots * std::max<size_t>(memory->members_.size() - 1, 1));
  memory->slot_bytes_ =
      std::clamp(std::bit_floor(static_cast<size_t>(kMostBytes / num_slots)), kFewestSlotBytes, kMostRingData);
  std::string handle;
  if (memory->members_.size() > 1) {
    auto segment = SharedSegment::make(memory->bytes_of(memory->own_), "braid-messages");
    if (segment.ok()) {
      memory->segment_ = *std::move(segment);
      handle = text_of(memory->segment_.handle());
    } else {
      memory->trouble_ = segment.error().message;
    }
  }
  TRY(const auto handles, gather_texts(port, handle, kShares, timeout_s));
  std::string opened(realms.size(), '0');  // of each process, whether this one reads its memory
  for (const int32_t process : memory->members_) {
    const auto index = static_cast<size_t>(process);
    const auto theirs = handle_of(handles[index]);
    if (index == own || !theirs || theirs->bytes != memory->bytes_of(process)) continue;
    auto segment = SharedSegment::open(*theirs);
    if (segment.ok()) {
      memory->others_[index] = *std::move(segment);
      opened[index] = '1';
    } else if (memory->trouble_.empty()) {
      memory->trouble_ = segment.error().message;
    }
  }
  TRY(const auto all_opened, gather_texts(port, opened, kShares, timeout_s));
  memory->segment_.close_file();
  for (size_t i = 0; i < all_opened.size(); ++i) {
    memory->is_shared_[i] = opened[i] == '1' && all_opened[i].size() > own && all_opened[i][own] == '1';
  }
  return std::shared_ptr<const HostMemory>(std::move(memory));
}

bool HostMemory::has_ring(int32_t a, int32_t b, bool is_group) const {
  const IndexRange of_a = spread_.ranks_of(a);
  const IndexRange of_b = spread_.ranks_of(b);
  return of_a.end - of_a.begin == 1 && of_b.end - of_b.begin == 1 &&
         (!is_group || of_a.begin / group_size_ == of_b.begin / group_size_);
}

// What one of them has for the other: rings that it writes, and what it says of those that it reads.
size_t HostMemory::bytes_between(int32_t a, int32_t b) const {
  size_t bytes = 0;
  for (const bool is_group : {false, true}) {
    if (has_ring(a, b, is_group)) bytes += ring_bytes(slot_bytes_) + kRingReaderBytes;
  }
  return bytes;
}

int64_t HostMemory::bytes_of(int32_t process) const {
  size_t bytes = kPage;
  for (const int32_t other : members_) {
    if (other != process) bytes += bytes_between(process, other);
  }
  return static_cast<int64_t>((bytes + kPage - 1) / kPage * kPage);
}

// Where the ring begins in the memory of process `of`; what that says as a reader is behind it.
size_t HostMemory::ring_at(int32_t of, int32_t other, bool is_group) const {
  size_t at = 0;
  for (const int32_t before : members_) {
    if (before == other) break;
    if (before != of) at += bytes_between(of, before);
  }
  return is_group && has_ring(of, other, false) ? at + ring_bytes(slot_bytes_) + kRingReaderBytes : at;
}

std::span<const std::byte> HostMemory::memory_of(int32_t process) const {
  return std::as_const(others_[static_cast<size_t>(process)]).memory();
}

std::span<std::byte> HostMemory::own_memory() const {
  return segment_.memory();
}

std::unique_ptr<RingWriter> HostMemory::writer_to(int32_t process, bool is_group) const {
  if (process == own_ || !is_shared_with(process) || !has_ring(own_, process, is_group)) return nullptr;
  const size_t bytes = ring_bytes(slot_bytes_);
  return std::make_unique<RingWriter>(
      own_memory().subspan(ring_at(own_, process, is_group), bytes),
      memory_of(process).subspan(ring_at(process, own_, is_group) + bytes, kRingReaderBytes), slot_bytes_);
}

std::unique_ptr<RingReader> HostMemory::reader_of(int32_t process, bool is_group) const {
  if (process == own_ || !is_shared_with(process) || !has_ring(own_, process, is_group)) return nullptr;
  const size_t bytes = ring_bytes(slot_bytes_);
  return std::make_unique<RingReader>(memory_of(process).subspan(ring_at(process, own_, is_group), bytes),
                                      own_memory().subspan(ring_at(own_, process, is_group) + bytes, kRingReaderBytes),
                                      slot_bytes_);
}

}  // namespace braid
