// How many things happened a second, lately. Pure: the caller brings the time.
#pragma once

#include <array>
#include <cstdint>

namespace braid {

class RateMeter {
 public:
  void add(double now_s, int64_t count);

  // Over the last kWindow whole seconds, or over the time since the first thing of an uninterrupted run of them, if
  // that is shorter. 0 once nothing has happened for that long.
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
