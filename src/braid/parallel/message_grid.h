// The messages between the ranks of a world for one purpose, in the order sent. Ranks are the world's, also for
// messages within a group. Implemented by MailboxGrid (ranks of one process) and ProcessMail (of several).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "braid/base/result.h"
#include "braid/parallel/flight_recorder.h"

namespace braid {

// Data that is still in the sender's process.
struct RemoteData {
  int32_t process = 0;
  int32_t tag = 0;
};

struct Message {
  OpRecord call;  // what the sender is doing
  int64_t num_bytes = 0;
  std::span<const std::byte> data;     // num_bytes, unless they are remote
  std::shared_ptr<const void> memory;  // where they lie; null: they are there until the next pop() from the same rank
  std::optional<RemoteData> remote;    // for fetch()
};

class MessageGrid {
 public:
  virtual ~MessageGrid() = default;

  // Sends a copy of the data. Never waits for the receiver.
  virtual void push(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data) = 0;

  // Sends without a copy, where that is faster: the data must not change until settle(). Never waits either.
  // `is_early`: the ranks compute before they take it, so it must arrive without them.
  virtual void lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data, bool is_early) = 0;

  // Waits until nothing is read any more of what the rank has lent.
  virtual Status settle(const OpRecord& call, int32_t from) = 0;

  // Of a rank that leaves an operation because the world has ended: nothing that it has lent is read from now on.
  virtual void withdraw(int32_t /*from*/) {}

  // Waits for the next message of `from`. `call` is what `to` is doing. An error if the world ends meanwhile.
  virtual Result<Message> pop(const OpRecord& call, int32_t from, int32_t to) = 0;

  // Waits for the remote data of a message to `rank`; `to` has num_bytes.
  virtual Status fetch(const Message& message, int32_t rank, std::span<std::byte> to) = 0;
};

}  // namespace braid
