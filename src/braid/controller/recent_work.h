// How much work each group has done lately, in any unit. Tested by recent_work_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace braid {

class RecentWork {
 public:
  // What was done this many tokens ago, by all groups together, counts for a third.
  static constexpr int64_t kSpanTokens = 65536;

  explicit RecentWork(size_t num_groups) : done_(num_groups, 0) {}

  // All groups' earlier work fades to `kept` of it.
  void add(int32_t group, double amount, double kept) {
    fading_ *= kept;
    if (fading_ < kLeastFading) {
      for (double& done : done_) done *= fading_;
      sum_ *= fading_;
      fading_ = 1;
    }
    done_.at(static_cast<size_t>(group)) += amount / fading_;
    sum_ += amount / fading_;
  }
  void add_tokens(int32_t group, double num_tokens) {
    add(group, num_tokens, std::max(0.0, 1 - num_tokens / static_cast<double>(kSpanTokens)));
  }
  double of(int32_t group) const { return done_.at(static_cast<size_t>(group)) * fading_; }
  double mean() const { return sum_ * fading_ / static_cast<double>(done_.size()); }

 private:
  static constexpr double kLeastFading = 1e-100;

  std::vector<double> done_;  // each times fading_
  double sum_ = 0;
  double fading_ = 1;
};

}  // namespace braid
