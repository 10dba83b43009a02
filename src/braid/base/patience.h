// Tells a slow thread from a dead one. A deadline on wall time alone cannot: one operation may take minutes, on a long
// context or a busy machine. Pure; the caller says what time it is.
#pragma once

#include <cstdint>

namespace braid {

// What threads have done so far. Any change says that somebody is at work.
struct Progress {
  static constexpr double kCpuTickS = 0.05;

  uint64_t num_operations = 0;
  int64_t cpu_ticks = 0;  // processor time, in whole ticks: waking up to look at a clock does not fill one

  Progress& operator+=(const Progress& other) {
    num_operations += other.num_operations;
    cpu_ticks += other.cpu_ticks;
    return *this;
  }
  bool operator==(const Progress&) const = default;
};

class Patience {
 public:
  // Over when nothing has changed for `timeout_s`, or when one operation has used processor time for kSpins times that:
  // then it is taken to go round for ever.
  static constexpr double kSpins = 20;
  explicit Patience(double timeout_s) : timeout_s_(timeout_s) {}

  // How often to look, in seconds: what is over is seen to be over by a tenth of the timeout later, also where two
  // look and tell each other.
  double interval_s() const { return timeout_s_ / 32; }

  void begin(const Progress& progress, double now_s) {
    last_ = progress;
    changed_s_ = operation_s_ = now_s;
  }
  bool is_over(const Progress& progress, double now_s) {
    if (progress.num_operations != last_.num_operations) operation_s_ = now_s;
    if (progress != last_) changed_s_ = now_s;
    last_ = progress;
    return now_s - changed_s_ >= timeout_s_ || now_s - operation_s_ >= kSpins * timeout_s_;
  }

 private:
  double timeout_s_ = 0;
  Progress last_;
  double changed_s_ = 0;
  double operation_s_ = 0;
};

}  // namespace braid
