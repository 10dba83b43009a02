// For tests: time that advances only from event to event. Equal seeds make equal histories.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace braid {

class VirtualTime {
 public:
  using Event = std::function<void()>;

  explicit VirtualTime(uint64_t seed) : random_(seed) {}

  int64_t now_us() const { return now_us_; }
  int64_t num_events() const { return num_events_; }

  // Events at the same time happen in an order drawn from the seed.
  void at(int64_t time_us, Event event) { events_.push({std::max(time_us, now_us_), random_(), std::move(event)}); }
  void after(int64_t delay_us, Event event) { at(now_us_ + delay_us, std::move(event)); }

  std::optional<int64_t> next_us() const {
    return events_.empty() ? std::nullopt : std::optional(events_.top().time_us);
  }
  // Advances time without an event.
  void pass(int64_t duration_us) { now_us_ += duration_us; }

  // Runs the next event; false if there is none.
  bool step() {
    if (events_.empty()) return false;
    Event event = std::move(const_cast<Entry&>(events_.top()).event);  // the heap's order does not depend on it
    now_us_ = events_.top().time_us;
    events_.pop();
    ++num_events_;
    event();
    return true;
  }

  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool one_in(int64_t n) { return pick(1, n) == 1; }

 private:
  struct Entry {
    int64_t time_us = 0;
    uint64_t tie = 0;
    Event event;

    bool operator<(const Entry& other) const {  // the greatest is on top
      return std::pair(time_us, tie) > std::pair(other.time_us, other.tie);
    }
  };

  std::mt19937_64 random_;
  std::priority_queue<Entry> events_;
  int64_t now_us_ = 0;
  int64_t num_events_ = 0;
};

}  // namespace braid
