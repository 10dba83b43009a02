// What one rank hands over to a rank of another process beside the steps' operations, such as pages of a request that
// moves: it belongs to no step, so no rank waits for it before it is wanted. While ranks compute it keeps to a pace, so
// that the messages of a step find the link free. Between processes of one host nothing needs to travel: what lies in
// room() is read where it is.
//
// Implemented by ProcessMail. Tested by hand_over_mail_test.cc, process_world_test.cc and
// worker/rank_processes_test.cc.
#pragma once

#include <compare>
#include <cstdint>

#include "braid/base/result.h"
#include "braid/tensor/buffer.h"

namespace braid {

struct HandOverId {
  int32_t from = 0;  // ranks of the world, in different processes
  int32_t to = 0;
  uint64_t item = 0;
  int32_t part = 0;  // of the item

  auto operator<=>(const HandOverId&) const = default;
};

class HandOver {
 public:
  virtual ~HandOver() = default;

  // Whether rank `to`, which is in another process, can read memory of this one.
  virtual bool is_seen_by(int32_t to) const = 0;

  // Memory for what is given to rank `to`, which is in another process; from any thread. Where that is of the same host
  // and there is room, both processes see it. It may hold anything before it is written.
  virtual Buffer room(int32_t to, int64_t bytes) = 0;

  // By rank id.from, once for each id. Never waits.
  virtual void give(const HandOverId& id, Buffer data) = 0;

  // By rank id.to, once for each id: to be read. What was given comes also while nobody asks for it. Waits for what has
  // not come yet; an error if the world ends meanwhile.
  virtual Result<Buffer> take(const HandOverId& id) = 0;

  // Whether something of the item that rank `from` gave is still here. From any thread.
  virtual bool is_giving(int32_t from, uint64_t item) = 0;

  // By rank `from`: waits for some milliseconds, at the link's full rate, until nothing is left here of what it gave.
  virtual Status finish(int32_t from) = 0;

  // For all that this process gives, except in finish(): bytes a second; 0: no limit, which is the default.
  virtual void set_pace(double bytes_per_s) = 0;

  // Before anything is given: how many bytes of room() processes of one host share, at most kMostRoom. Without it,
  // none. An error where memory is short; what is given then travels.
  virtual Status set_room(int64_t bytes) = 0;

  // For all that has come to this process and was not taken. More ends the world. The default is kDefaultMaxWaiting.
  virtual void set_max_waiting(int64_t bytes) = 0;

  static constexpr int64_t kDefaultMaxWaiting = int64_t{256} << 20;
  static constexpr int64_t kMostRoom = int64_t{64} << 20;
};

}  // namespace braid
