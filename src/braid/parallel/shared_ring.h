// Short messages from one rank to another in memory that their two processes share: a ring of slots, one cache line for
// the head of a message and the first bytes of its data. The sender writes the ring, the receiver reads it; what the
// receiver says of itself lies in memory of its own, which the sender reads. Each end is used by one thread. Nothing
// here waits for the receiver: a message that finds no slot goes another way, and keeps its place, because all of them
// are counted. Tested by shared_ring_test.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "braid/base/result.h"
#include "braid/parallel/flight_recorder.h"

namespace braid {

// A slot's data; of what is longer only the head is in the ring. Where caches are far apart, 16 KB through a ring take
// twice as long as by MPI, which reads them from the sender's memory.
inline constexpr size_t kMostRingData = size_t{8} << 10;
// A rank is one or two operations ahead of another, beside what it has begun.
inline constexpr size_t kRingSlots = 8;
inline constexpr size_t kRingReaderBytes = 128;
size_t ring_bytes(size_t slot_bytes);  // slot_bytes: a multiple of 64

struct RingMessage {
  OpRecord call;  // without its times
  int64_t num_bytes = 0;
  int32_t tag = -1;                 // of the port, under which the data come; below 0: they are here
  std::span<const std::byte> data;  // until the next take()
};

class RingWriter {
 public:
  // `ring`: ring_bytes(slot_bytes) of this process, zeros, aligned to a cache line. `reader`: kRingReaderBytes of the
  // receiver's process.
  RingWriter(std::span<std::byte> ring, std::span<const std::byte> reader, size_t slot_bytes);

  // Sends the message, and counts it. False, and neither of both, where it is too long or finds no slot.
  bool try_send(const OpRecord& call, std::span<const std::byte> data);
  // The same of a head alone, whose data of `num_bytes` come under this tag.
  bool try_announce(const OpRecord& call, int64_t num_bytes, int32_t tag);
  // Counts a message that goes another way.
  void pass() { ++num_sent_; }

 private:
  struct Slot;
  Slot* free_slot();
  void publish(Slot& slot, const OpRecord& call, int64_t num_bytes, int32_t tag);

  const std::span<std::byte> ring_;
  const std::span<const std::byte> reader_;
  const size_t slot_bytes_;
  uint64_t num_sent_ = 0;     // messages, whichever way
  uint64_t num_written_ = 0;  // to the ring
  uint64_t num_read_ = 0;     // of the ring, as far as known
  friend class RingReader;
};

class RingReader {
 public:
  RingReader(std::span<const std::byte> ring, std::span<std::byte> reader, size_t slot_bytes);

  // Whether the next message is in the ring. If not, it has not come, or comes another way.
  bool has_next() const;
  // The next message, which is in the ring. An error if it is none.
  Result<RingMessage> take();
  // Counts a message that came another way.
  void pass() { ++num_received_; }

  // Until the next message is in the ring, wake() is called or the time is over; it may be missed, and return early.
  void wait(double seconds);
  void wake();  // from any thread

 private:
  const RingWriter::Slot& next_slot() const;
  void release();

  const std::span<const std::byte> ring_;
  const std::span<std::byte> reader_;
  const size_t slot_bytes_;
  uint64_t num_received_ = 0;
  uint64_t num_taken_ = 0;  // from the ring
  bool has_taken_ = false;  // a message whose slot is not free again
};

}  // namespace braid
