// Messages from one rank to another, in the order sent. Tested by communicator_test.cc.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "braid/parallel/world_state.h"

namespace braid {

struct Message {
  OpRecord call;  // what the sender is doing
  std::vector<std::byte> data;
};

class Mailbox {
 public:
  void push(const OpRecord& call, std::span<const std::byte> data);
  Result<Message> pop(WorldState& state, const std::string& waiting);  // an error if the world ends meanwhile
  void wake();  // makes a waiting pop() check again whether the world has ended

 private:
  std::mutex mutex_;
  std::condition_variable is_not_empty_;
  std::deque<Message> messages_;
};

// One mailbox for each pair of ranks of a world. Its groups' grids use the world's rank numbers too.
class MailboxGrid {
 public:
  explicit MailboxGrid(WorldState& state);

  Mailbox& from_to(int32_t from, int32_t to) { return *boxes_[static_cast<size_t>(from * num_ranks_ + to)]; }

 private:
  int32_t num_ranks_;
  std::vector<std::unique_ptr<Mailbox>> boxes_;
};

}  // namespace braid
