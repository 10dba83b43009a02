// Both ends of a process's hand-overs (hand_over.h): what its ranks give, cut into chunks that leave in the order given
// and at a pace, and what comes for its ranks. A chunk is a head (message_head.h) and its data. What lies in memory
// that both processes see is only announced; the taker says when it has read it. A state machine over the processes'
// port; ProcessMail calls it under the port's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/shared_segment.h"
#include "braid/parallel/byte_pool.h"
#include "braid/parallel/hand_over.h"
#include "braid/parallel/hand_over_room.h"
#include "braid/parallel/message_head.h"
#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"

namespace braid {

class HandOverMail {
 public:
  // Sends a head with this short data behind it; without data, with a tag of its own, which it returns.
  using Announce = std::function<int32_t(MessageHead head, std::span<const std::byte> data, int32_t process)>;

  HandOverMail(ProcessPort& port, const RankSpread& spread, Announce announce);

  // From now on what lies there is not sent to processes that see it.
  void use_room(std::shared_ptr<HandOverRoom> room) { room_ = std::move(room); }

  // `is_seen`: whether the other process sees this one's memory.
  void give(const HandOverId& id, Buffer data, bool is_seen = false);
  // Nothing: not all of it has come. An error if this process cannot see it any more.
  Result<std::optional<Buffer>> try_take(const HandOverId& id);

  bool is_giving(int32_t from) const;
  bool is_giving(int32_t from, uint64_t item) const;
  bool has_to_give() const { return !giving_.empty(); }
  // Whether memory is seen by two processes. Until it is read, and the other process knows, it is no room for anything.
  bool is_showing() const;
  int64_t num_moved() const { return num_moved_; }  // chunks that have left or come so far
  bool is_receiving() const { return num_receiving_ > 0; }
  bool is_moving() const { return num_sending_ + num_receiving_ > 0; }  // chunks are between two processes

  void set_pace(double bytes_per_s) { pace_ = bytes_per_s; }
  void set_max_waiting(int64_t bytes) { max_waiting_ = bytes; }
  // Between the two the pace does not count. They may be nested.
  void begin_hurry() { ++num_hurries_; }
  void end_hurry() { --num_hurries_; }

  // Begins what the pace allows, and sees what is done.
  void look_after(double now_s);
  // A head from `process`, of a chunk or of what lies in its memory, or that what lay in ours is taken; its ranks and
  // this process's have been checked. An error if it does not fit what came before, or is too much.
  Status deliver(const MessageHead& head, std::span<const std::byte> data, int32_t process);

 private:
  static constexpr size_t kMostUnused = 16;  // pieces: fresh memory costs as much as a copy, and stops other threads

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
    std::string error = {};
  };
  // What was taken from memory of other processes and is not needed any more; buffers may outlive the mail.
  struct Read {
    std::mutex mutex;
    std::vector<HandOverId> ids;
    int64_t num_unread = 0;  // buffers that have not come back
  };

  Result<Coming*> begin_coming(const HandOverId& id, int64_t total);
  Status deliver_chunk(const HandOverId& id, const MessageHead& head, int32_t process);
  Status deliver_seen(const HandOverId& id, const MessageHead& head, std::span<const std::byte> data, int32_t process);
  Result<Buffer> seen(const HandOverId& id, const SharedSegment::Handle& handle, int64_t offset, int64_t bytes,
                      int32_t process);
  void say_what_is_read();
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
  std::shared_ptr<HandOverRoom> room_;                           // may be null
  std::map<HandOverId, Buffer> shown_;                           // in it, not yet read
  std::vector<std::shared_ptr<const SharedSegment>> memory_of_;  // of each process, once it was seen
  std::vector<SharedSegment::Handle> handle_of_;                 // and which it was
  const std::shared_ptr<Read> read_ = std::make_shared<Read>();
  BytePool pool_{kMostUnused};  // of coming_
  int64_t max_waiting_ = HandOver::kDefaultMaxWaiting;
  int64_t num_waiting_ = 0;  // bytes of coming_
  int32_t num_sending_ = 0;  // chunks
  int32_t num_receiving_ = 0;
  int64_t num_moved_ = 0;
};

}  // namespace braid
