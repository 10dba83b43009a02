// A counter that threads can wait on, with a timeout: what std::atomic's wait lacks.
#pragma once

#include <atomic>
#include <cstdint>

namespace braid {

class EventCount {
 public:
  uint32_t rings() const { return rings_.load(); }

  void ring();  // everything written before it is seen by whoever sees the ring

  // Returns when rings() is no longer `seen`, when the time is over, or early for no reason.
  void wait(uint32_t seen, double timeout_s);

 private:
  std::atomic<uint32_t> rings_{0};
  std::atomic<uint32_t> sleepers_{0};  // so that ringing for nobody costs no system call
};

}  // namespace braid
