// Messages from one rank to another of the same process, in the order sent. Tested by communicator_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/parallel/byte_pool.h"
#include "braid/parallel/message_grid.h"
#include "braid/parallel/world_state.h"

namespace braid {

class Mailbox {
 public:
  void push(Message message);
  std::optional<Message> try_pop();
  bool is_empty() const { return num_messages_.load(std::memory_order_relaxed) == 0; }
  void wait(const WorldState& state, double seconds);  // until a message is there, the world ends or the time is over
  void wake();                                         // makes wait() check again whether the world has ended

 private:
  std::mutex mutex_;
  std::condition_variable is_not_empty_;
  std::deque<Message> messages_;
  std::atomic<size_t> num_messages_{0};  // try_pop() of an empty box takes no lock
};

// The mailboxes of the ranks `receivers`, one for each rank of the world that sends to them. Its groups' grids use the
// world's rank numbers too.
class Mailboxes {
 public:
  Mailboxes(WorldState& state, IndexRange receivers);

  size_t num_receivers() const { return static_cast<size_t>(receivers_.end - receivers_.begin); }
  Mailbox& from_to(int32_t from, int32_t to) {
    return *boxes_[static_cast<size_t>((to - receivers_.begin) * num_senders_ + from)];
  }

 private:
  const int64_t num_senders_;
  const IndexRange receivers_;
  std::vector<std::unique_ptr<Mailbox>> boxes_;
};

// Among ranks of one process: every message is a copy.
class MailboxGrid final : public MessageGrid {
 public:
  explicit MailboxGrid(WorldState& state);

  void push(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data) override;
  void lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data, bool is_early) override;
  Status settle(const OpRecord& call, int32_t from) override;
  Result<Message> pop(const OpRecord& call, int32_t from, int32_t to) override;
  Status fetch(const Message& message, int32_t rank, std::span<std::byte> to) override;

 private:
  WorldState& state_;
  Mailboxes boxes_;
  BytePool pool_;
};

// The message that a push of this data is, with a copy of it.
Message message_of(const OpRecord& call, std::span<const std::byte> data, BytePool& pool);

// The error of a rank whose wait was too long; it ends the world.
Error end_of_patience(WorldState& state, const OpRecord& call, int32_t rank);

}  // namespace braid
