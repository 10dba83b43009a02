// The recent rate of events per second. Pure: the caller passes the time.
#pragma once

#include <array>
#include <cstdint>

namespace braid {

class RateMeter {
 public:
  void add(double now_s, int64_t count);

  // Over the last kWindow whole seconds, or since the first event of an uninterrupted run, if that is shorter. 0 after
  // kWindow seconds without an event.
  double rate(double now_s) const;

 private:
  static constexpr int64_t kWindow = 5;
  struct Second {
    int64_t second = -1;
    int64_t count = 0;
  };
  std::array<Second, kWindow + 1> seconds_;
  double started_s_ = 0;
  double last_s_ = -kWindow;
};

}  // namespace braid
