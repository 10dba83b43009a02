#include "braid/parallel/shared_ring.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kBytesInHead = 16;

// In the receiver's memory. The sender looks at `is_asleep` for each message, so it has a line of its own, which
// changes only when the receiver sleeps.
struct ReaderLines {
  alignas(kCacheLine) std::atomic<uint64_t> num_read;
  alignas(kCacheLine) std::atomic<uint32_t> is_asleep;
};
static_assert(sizeof(ReaderLines) == kRingReaderBytes);

// Futexes of memory that processes share. Waiting needs no right to write it.
void sleep_on(const std::atomic<uint64_t>& word, uint64_t seen, double seconds) {
  seconds = std::clamp(seconds, 0.0, 1e6);
  timespec time{};
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * 1e9);
  syscall(SYS_futex, &word, FUTEX_WAIT, static_cast<uint32_t>(seen), &time, nullptr, 0);  // the lower half
}

void wake_sleepers(const std::atomic<uint64_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

// A message is in its slot when the slot has its number. The numbers of one slot only grow.
struct RingWriter::Slot {
  std::atomic<uint64_t> number;
  int64_t step;
  int32_t op;
  uint8_t kind;
  uint8_t is_group;
  int64_t bytes;
  int64_t num_bytes;
  int32_t peer;
  int32_t tag;
  std::byte first_data[kBytesInHead];
};

size_t ring_bytes(size_t slot_bytes) {
  return kRingSlots * (kCacheLine + slot_bytes);
}

RingWriter::RingWriter(std::span<std::byte> ring, std::span<const std::byte> reader, size_t slot_bytes)
    : ring_(ring), reader_(reader), slot_bytes_(slot_bytes) {
  static_assert(sizeof(Slot) == kCacheLine && std::atomic<uint64_t>::is_always_lock_free);
  CHECK(ring.size() == ring_bytes(slot_bytes) && reader.size() == kRingReaderBytes, "a ring of {} and {} bytes",
        ring.size(), reader.size());
}

RingWriter::Slot* RingWriter::free_slot() {
  if (num_written_ - num_read_ == kRingSlots) {
    num_read_ = reinterpret_cast<const ReaderLines*>(reader_.data())->num_read.load(std::memory_order_acquire);
    if (num_written_ - num_read_ >= kRingSlots) {
      num_read_ = num_written_ - kRingSlots;
      return nullptr;
    }
  }
  return reinterpret_cast<Slot*>(ring_.data()) + num_written_ % kRingSlots;
}

void RingWriter::publish(Slot& slot, const OpRecord& call, int64_t num_bytes, int32_t tag) {
  slot.step = call.step;
  slot.op = call.op;
  slot.kind = static_cast<uint8_t>(call.kind);
  slot.is_group = static_cast<uint8_t>(call.is_group);
  slot.bytes = call.bytes;
  slot.peer = call.peer;
  slot.num_bytes = num_bytes;
  slot.tag = tag;
  ++num_written_;
  slot.number.store(++num_sent_, std::memory_order_release);
  // A receiver that falls asleep at this very moment is missed, and looks again when its nap is over: a stronger order
  // would make every message wait for the cache line.
  const auto& reader = *reinterpret_cast<const ReaderLines*>(reader_.data());
  if (reader.is_asleep.load(std::memory_order_relaxed) != 0) wake_sleepers(slot.number);
}

bool RingWriter::try_send(const OpRecord& call, std::span<const std::byte> data) {
  Slot* const slot = data.size() <= slot_bytes_ ? free_slot() : nullptr;
  if (slot == nullptr) return false;
  std::byte* const room = ring_.data() + kRingSlots * kCacheLine + num_written_ % kRingSlots * slot_bytes_;
  if (!data.empty()) std::memcpy(data.size() <= kBytesInHead ? slot->first_data : room, data.data(), data.size());
  publish(*slot, call, static_cast<int64_t>(data.size()), -1);
  return true;
}

bool RingWriter::try_announce(const OpRecord& call, int64_t num_bytes, int32_t tag) {
  Slot* const slot = free_slot();
  if (slot == nullptr) return false;
  publish(*slot, call, num_bytes, tag);
  return true;
}

RingReader::RingReader(std::span<const std::byte> ring, std::span<std::byte> reader, size_t slot_bytes)
    : ring_(ring), reader_(reader), slot_bytes_(slot_bytes) {
  CHECK(ring.size() == ring_bytes(slot_bytes) && reader.size() == kRingReaderBytes, "a ring of {} and {} bytes",
        ring.size(), reader.size());
}

const RingWriter::Slot& RingReader::next_slot() const {
  return reinterpret_cast<const RingWriter::Slot*>(ring_.data())[num_taken_ % kRingSlots];
}

bool RingReader::has_next() const {
  return next_slot().number.load(std::memory_order_acquire) == num_received_ + 1;
}

Result<RingMessage> RingReader::take() {
  release();
  const RingWriter::Slot& slot = next_slot();
  CHECK(has_next(), "message {} is not in the ring", num_received_ + 1);
  const bool has_data = slot.tag < 0;
  const bool fits = slot.num_bytes >= (has_data ? 0 : 1) &&
                    (!has_data || slot.num_bytes <= static_cast<int64_t>(slot_bytes_)) &&
                    slot.kind <= static_cast<uint8_t>(kLastOpKind) && slot.is_group <= 1;
  if (!fits) return fail("{} bytes of operation {} that are no message", slot.num_bytes, slot.kind);
  RingMessage message{.call = {.step = slot.step,
                               .op = slot.op,
                               .kind = static_cast<OpKind>(slot.kind),
                               .is_group = slot.is_group == 1,
                               .bytes = slot.bytes,
                               .peer = slot.peer},
                      .num_bytes = slot.num_bytes,
                      .tag = slot.tag,
                      .data = {}};
  if (has_data) {
    const auto size = static_cast<size_t>(slot.num_bytes);
    const std::byte* const room = ring_.data() + kRingSlots * kCacheLine + num_taken_ % kRingSlots * slot_bytes_;
    message.data = {size <= kBytesInHead ? slot.first_data : room, size};
  }
  ++num_received_;
  ++num_taken_;
  has_taken_ = true;
  return message;
}

// The last message's slot is free again.
void RingReader::release() {
  if (!has_taken_) return;
  has_taken_ = false;
  reinterpret_cast<ReaderLines*>(reader_.data())->num_read.store(num_taken_, std::memory_order_release);
}

void RingReader::wait(double seconds) {
  auto& lines = *reinterpret_cast<ReaderLines*>(reader_.data());
  const std::atomic<uint64_t>& number = next_slot().number;
  lines.is_asleep.store(1);
  const uint64_t seen = number.load();
  if (seen != num_received_ + 1) sleep_on(number, seen, seconds);
  lines.is_asleep.store(0);
}

void RingReader::wake() {
  if (reinterpret_cast<const ReaderLines*>(reader_.data())->is_asleep.load() == 0) return;
  const auto* const slots = reinterpret_cast<const RingWriter::Slot*>(ring_.data());
  for (size_t i = 0; i < kRingSlots; ++i) wake_sleepers(slots[i].number);
}

}  // namespace braid
