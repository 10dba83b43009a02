// When which replica of `braid bench simulate` is lost, and when it starts again. Equal options make equal faults.
// Tested by simulate_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "braid/bench/simulate/simulate.h"

namespace braid::simulate {

class Faults {
 public:
  // `until_s`: about when the last request comes.
  Faults(const SimulateOptions& options, double until_s) {
    std::mt19937_64 random(options.seed + 0x5eed);
    const auto num_replicas = static_cast<uint64_t>(options.groups / options.groups_per_replica);
    for (int32_t i = 0; i < options.faults; ++i) {
      const double at_s = until_s * static_cast<double>(random() >> 11) * 0x1p-53;
      const auto first = static_cast<int32_t>(random() % num_replicas) * options.groups_per_replica;
      events_.push_back({.at_s = at_s, .first_group = first, .is_loss = true});
      events_.push_back({.at_s = at_s + options.restart_s, .first_group = first, .is_loss = false});
    }
    std::ranges::stable_sort(events_, {}, &Event::at_s);
  }

  struct Event {
    double at_s = 0;
    int32_t first_group = 0;
    bool is_loss = false;
  };
  std::optional<double> next_s() const {
    return next_ < events_.size() ? std::optional(events_[next_].at_s) : std::nullopt;
  }
  // The next event by this time.
  std::optional<Event> take(double now_s) {
    if (next_s().value_or(now_s + 1) > now_s) return std::nullopt;
    return events_[next_++];
  }

 private:
  std::vector<Event> events_;
  size_t next_ = 0;
};

}  // namespace braid::simulate
