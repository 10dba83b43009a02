#include "braid/bench/serving/token_gaps.h"

#include <algorithm>

namespace braid::serving {
namespace {

struct Interval {
  double begin_s = 0;
  double end_s = 0;
};

// From the start to the first piece, or to the end if there is none.
Interval wait_of(const RequestTimes& request) {
  return {.begin_s = request.start_s, .end_s = request.pieces_s.empty() ? request.end_s : request.pieces_s.front()};
}

// Ascending, without overlaps.
std::vector<Interval> join(std::vector<Interval> intervals) {
  std::ranges::sort(intervals, {}, &Interval::begin_s);
  std::vector<Interval> joined;
  for (const Interval& interval : intervals) {
    if (joined.empty() || interval.begin_s > joined.back().end_s) {
      joined.push_back(interval);
    } else {
      joined.back().end_s = std::max(joined.back().end_s, interval.end_s);
    }
  }
  return joined;
}

bool overlaps_any(std::span<const Interval> joined, const Interval& gap) {
  const auto next = std::ranges::partition_point(joined, [&](const Interval& i) { return i.end_s <= gap.begin_s; });
  return next != joined.end() && next->begin_s < gap.end_s;
}

}  // namespace

std::vector<double> TokenGaps::all() const {
  std::vector<double> gaps = steady_s;
  gaps.insert(gaps.end(), disturbed_s.begin(), disturbed_s.end());
  return gaps;
}

TokenGaps token_gaps(std::span<const RequestTimes> requests, std::span<const RequestTimes> waiting) {
  std::vector<Interval> waits;
  for (const RequestTimes& request : waiting) waits.push_back(wait_of(request));
  waits = join(std::move(waits));
  TokenGaps gaps;
  for (const RequestTimes& request : requests) {
    if (!request.error.empty()) continue;
    for (size_t i = 1; i < request.pieces_s.size(); ++i) {
      const Interval gap{.begin_s = request.pieces_s[i - 1], .end_s = request.pieces_s[i]};
      (overlaps_any(waits, gap) ? gaps.disturbed_s : gaps.steady_s).push_back(gap.end_s - gap.begin_s);
    }
  }
  return gaps;
}

}  // namespace braid::serving
