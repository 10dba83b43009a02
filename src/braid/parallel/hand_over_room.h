// Memory for what is handed over to processes of the same host, which read it where it is: no byte of it moves. Tested
// by hand_over_room_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "braid/base/result.h"
#include "braid/base/shared_segment.h"
#include "braid/tensor/buffer.h"

namespace braid {

// From any thread.
class HandOverRoom : public std::enable_shared_from_this<HandOverRoom> {
 public:
  // All of it is there from now on. An error where memory is short.
  static Result<std::shared_ptr<HandOverRoom>> make(int64_t bytes);

  // A part of it, with whatever it held before; nothing: there is no such room now. It comes back when the buffer is
  // destroyed.
  std::optional<Buffer> take(int64_t bytes);

  // Where in the segment a buffer of take() lies; nothing for others.
  std::optional<int64_t> offset_of(const Buffer& buffer) const;
  SharedSegment::Handle handle() const { return segment_.handle(); }

 private:
  explicit HandOverRoom(SharedSegment segment);
  void give_back(int64_t offset, int64_t bytes);

  SharedSegment segment_;
  std::mutex mutex_;
  std::map<int64_t, int64_t> free_;  // bytes by offset; no two of them touch
};

}  // namespace braid
