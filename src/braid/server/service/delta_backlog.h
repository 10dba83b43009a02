// How much the engine has computed and the output thread has not yet turned into events. The engine does not wait, so a
// request that is written too slowly must end some time: when this is full, a request that has more than its share
// waiting is over. Tested by api_service_overload_test.cc.
#pragma once

#include <atomic>
#include <cstddef>

#include "braid/request/generation.h"

namespace braid {

class DeltaBacklog {
 public:
  explicit DeltaBacklog(size_t max_bytes) : max_bytes_(max_bytes), share_bytes_(max_bytes / 64) {}

  // Of one request.
  class Part {
   public:
    explicit Part(DeltaBacklog& whole) : whole_(whole) {}
    ~Part() { whole_.bytes_ -= bytes_; }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    // From any thread. A backlog that is not full takes a delta of any size.
    bool has_room() const { return whole_.bytes_ < whole_.max_bytes_ || bytes_ < whole_.share_bytes_; }
    void add(size_t bytes) {
      bytes_ += bytes;
      whole_.bytes_ += bytes;
    }
    void remove(size_t bytes) {
      bytes_ -= bytes;
      whole_.bytes_ -= bytes;
    }

   private:
    DeltaBacklog& whole_;
    std::atomic<size_t> bytes_ = 0;
  };

 private:
  const size_t max_bytes_;
  const size_t share_bytes_;
  std::atomic<size_t> bytes_ = 0;
};

// The memory that a delta takes, about.
size_t delta_bytes(const Delta& delta);

}  // namespace braid
