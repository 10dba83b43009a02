// How much another host's clock is ahead of this one's, by questions and answers (Cristian's rule). Pure. Tested by
// clock_offset_test.cc.
#pragma once

#include <span>

namespace braid {

// Seconds: when a question left and its answer came, by this host's clock, and what the other's said in between.
struct ClockReading {
  double asked_s = 0;
  double answered_s = 0;
  double other_s = 0;
};

struct ClockOffset {
  double ahead_s = 0;  // of the other clock
  double error_s = 0;  // at most, whichever way took longer
};

// By the reading with the shortest way. There is at least one.
ClockOffset clock_offset(std::span<const ClockReading> readings);

}  // namespace braid
