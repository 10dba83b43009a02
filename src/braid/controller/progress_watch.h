// Notices a world of ranks that has work and does not get on, which no collective of its own can notice if it is a
// single rank. Pure: the caller looks now and then, and says what time it is. Tested by progress_watch_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "braid/base/patience.h"

namespace braid {

class ProgressWatch {
 public:
  ProgressWatch(int32_t num_worlds, double timeout_s)
      : interval_s_(std::min(1.0, timeout_s / 8)), worlds_(static_cast<size_t>(num_worlds), World(timeout_s)) {}

  // How often to look while a world has work, in seconds.
  double interval_s() const { return interval_s_; }

  // Whether the world has had work, and has not got on, for the timeout. Only time in which the caller looks counts:
  // while that was held up, so perhaps was everything else.
  bool is_stuck(int32_t world, bool has_work, const Progress& progress, double now_s) {
    World& own = worlds_.at(static_cast<size_t>(world));
    own.watched_s += std::min(now_s - own.looked_s, 2 * interval_s());
    own.looked_s = now_s;
    if (!has_work || !own.had_work) own.patience.begin(progress, own.watched_s);
    own.had_work = has_work;
    return has_work && own.patience.is_over(progress, own.watched_s);
  }

 private:
  struct World {
    explicit World(double timeout_s) : patience(timeout_s) {}

    Patience patience;
    bool had_work = false;
    double looked_s = 0;
    double watched_s = 0;
  };

  double interval_s_;
  std::vector<World> worlds_;
};

}  // namespace braid
