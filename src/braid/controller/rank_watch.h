// Finds ranks that are slower than the others of their world: a host under other load, or one that is throttled. The
// others wait for them in every layer. Compared is the time for work that ranks share out evenly: in attention, the
// rank of a busy group is rightly the slower one. Pure: the caller says what time it is, in seconds of any clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "braid/wire/cluster_status.h"

namespace braid {

class RankWatch {
 public:
  // As slow as that beside the median of the others, over a whole window, is slow.
  static constexpr double kSlow = 1.5;
  // Fewer steps in a window say nothing.
  static constexpr uint64_t kMinSteps = 16;

  explicit RankWatch(double window_s) : window_s_(window_s) {}

  // A rank that has become slow, or is so no more.
  struct Change {
    int32_t rank = 0;
    double times_slower = 0;
    bool is_slow = false;
  };
  // Whether a window has passed since the last look, or there was none.
  bool is_due(double now_s) const { return !looked_s_ || now_s >= *looked_s_ + window_s_; }
  // Looks, if it is due.
  std::vector<Change> look(std::span<const RankStatus> ranks, double now_s);
  // Beside the median of the others of its world, by the last window; 0: not known.
  double times_slower(int32_t rank) const;

 private:
  struct Watched {
    RankCounts counts;  // at the last look
    double times_slower = 0;
    bool is_slow = false;
  };
  std::optional<double> even_work_of_step(const RankStatus& rank) const;

  double window_s_ = 0;
  std::optional<double> looked_s_;
  std::map<int32_t, Watched> ranks_;
};

}  // namespace braid
