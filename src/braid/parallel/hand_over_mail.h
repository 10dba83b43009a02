// Both ends of a process's hand-overs (hand_over.h): what its ranks give, cut into chunks that leave in the order given
// and at a pace, and what comes for its ranks. A chunk is a head (message_head.h) and its data. A state machine over
// the processes' port; ProcessMail calls it under the port's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "braid/parallel/hand_over.h"
#include "braid/parallel/message_head.h"
#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"

namespace braid {

class HandOverMail {
 public:
  // Sends a head with a tag of its own for the data, and returns the tag.
  using Announce = std::function<int32_t(MessageHead head, int32_t process)>;

  HandOverMail(ProcessPort& port, const RankSpread& spread, Announce announce);

  void give(const HandOverId& id, Buffer data);
  std::optional<Buffer> try_take(const HandOverId& id);  // nothing: not all of it has come

  bool is_giving(int32_t from) const;
  bool is_giving(int32_t from, uint64_t item) const;
  bool has_to_give() const { return !giving_.empty(); }
  bool is_receiving() const { return num_receiving_ > 0; }
  bool is_moving() const { return num_sending_ + num_receiving_ > 0; }  // chunks are between two processes

  void set_pace(double bytes_per_s) { pace_ = bytes_per_s; }
  void set_max_waiting(int64_t bytes) { max_waiting_ = bytes; }
  // Between the two the pace does not count. They may be nested.
  void begin_hurry() { ++num_hurries_; }
  void end_hurry() { --num_hurries_; }

  // Begins what the pace allows, and sees what is done.
  void look_after(double now_s);
  // The head of a chunk from `process`, whose ranks and this process's have been checked. An error if it does not fit
  // what came before, or is too much.
  Status deliver(const MessageHead& head, int32_t process);

 private:
  struct Given {
    HandOverId id;
    Buffer data;
    int64_t num_begun = 0;
    std::vector<PortRequest> under_way = {};
  };
  struct Coming {
    Buffer data;
    int64_t num_announced = 0;
    std::vector<PortRequest> under_way = {};
  };

  void begin_chunk(Given& given, int64_t bytes);
  void forget_done(std::vector<PortRequest>& requests, int32_t& count);

  ProcessPort& port_;
  const RankSpread spread_;
  const Announce announce_;
  double pace_ = 0;
  int32_t num_hurries_ = 0;
  double credit_ = 0;  // bytes that the pace allows now
  double looked_s_ = 0;
  std::list<Given> giving_;  // in order
  std::map<HandOverId, Coming> coming_;
  int64_t max_waiting_ = HandOver::kDefaultMaxWaiting;
  int64_t num_waiting_ = 0;  // bytes of coming_
  int32_t num_sending_ = 0;  // chunks
  int32_t num_receiving_ = 0;
};

}  // namespace braid
