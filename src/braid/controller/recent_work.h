// How many tokens each group has computed lately. Tested by recent_work_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace braid {

class RecentWork {
 public:
  // What was computed this many tokens ago, by all groups together, counts for a third.
  static constexpr int64_t kSpanTokens = 65536;

  explicit RecentWork(size_t num_groups) : tokens_(num_groups, 0) {}

  void add(int32_t group, int64_t num_tokens) {
    const double kept = std::max(0.0, 1 - static_cast<double>(num_tokens) / static_cast<double>(kSpanTokens));
    for (double& tokens : tokens_) tokens *= kept;
    tokens_.at(static_cast<size_t>(group)) += static_cast<double>(num_tokens);
  }
  int64_t of(int32_t group) const { return static_cast<int64_t>(tokens_.at(static_cast<size_t>(group))); }

 private:
  std::vector<double> tokens_;
};

}  // namespace braid
