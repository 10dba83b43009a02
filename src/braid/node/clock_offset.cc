#include "braid/node/clock_offset.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

// The other clock was read at some time between question and answer: in the middle, or half of that away from it.
ClockOffset clock_offset(std::span<const ClockReading> readings) {
  CHECK(!readings.empty(), "no reading of a clock");
  const auto way_s = [](const ClockReading& reading) { return reading.answered_s - reading.asked_s; };
  const ClockReading& best = *std::ranges::min_element(readings, {}, way_s);
  return {.ahead_s = best.other_s - (best.asked_s + best.answered_s) / 2, .error_s = way_s(best) / 2};
}

}  // namespace braid
