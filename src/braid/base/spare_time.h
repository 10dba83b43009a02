// Whether work that somebody waits for gets on in time that no other thread wants. Pure; the caller says what time it
// is. Tested by spare_caller_test.cc.
#pragma once

namespace braid {

class SpareTime {
 public:
  // Of a core, for which such work may wait: what it has with a priority of its own (give_way_to_steps) beside a thread
  // that computes. So work that is given up and begun anew takes at most twice as long as with that priority from the
  // start, and kGrace_s.
  static constexpr double kLeastShare = 0.2;
  static constexpr double kGrace_s = 0.02;  // threads on a busy core take turns of a few milliseconds
  static constexpr double kRetry_s = 1.0;   // so spare time that is not there costs one piece of work a second

  bool is_worth_a_try(double now_s) const { return now_s >= retry_s_; }

  // Of work that began so long ago, and the processor time that it has had since.
  static bool is_starved(double wall_s, double cpu_s) { return kLeastShare * (wall_s - kGrace_s) > cpu_s; }
  void see_starved(double now_s) { retry_s_ = now_s + kRetry_s; }

 private:
  double retry_s_ = 0;
};

}  // namespace braid
