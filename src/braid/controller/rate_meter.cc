#include "braid/controller/rate_meter.h"

#include <algorithm>
#include <cmath>

namespace braid {

void RateMeter::add(double now_s, int64_t count) {
  if (now_s - last_s_ >= kWindow) started_s_ = now_s;
  last_s_ = now_s;
  const auto second = static_cast<int64_t>(std::floor(now_s));
  Second& slot = seconds_[static_cast<size_t>(second) % seconds_.size()];
  if (slot.second != second) slot = {.second = second};
  slot.count += count;
}

double RateMeter::rate(double now_s) const {
  if (now_s - last_s_ >= kWindow) return 0;
  const auto current = static_cast<int64_t>(std::floor(now_s));
  int64_t total = 0;
  for (const Second& slot : seconds_) {
    if (slot.second >= 0 && current - slot.second <= kWindow) total += slot.count;
  }
  // Seconds [current - kWindow, now]: kWindow whole seconds and the part of the current one that has passed.
  const double span = std::min(now_s - started_s_, now_s - static_cast<double>(current - kWindow));
  return static_cast<double>(total) / std::max(span, 1e-3);
}

}  // namespace braid
