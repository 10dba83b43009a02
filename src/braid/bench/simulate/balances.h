// How evenly simulated groups shared out their work, by several measures. Each is a mean over a maximum of the groups,
// weighted by the maximum: 1 if they were equal, 1 / groups if one had all. Tested by simulate_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace braid::simulate {

// Of any quantity, by group.
struct MeanOverMax {
  double sum = 0;
  double even = 0;  // as if every group had as much as the largest

  void add(std::span<const double> by_group) {
    add(std::accumulate(by_group.begin(), by_group.end(), 0.0), by_group.size(), std::ranges::max(by_group));
  }
  void add(double of_all, size_t num_groups, double largest) {
    sum += of_all;
    even += static_cast<double>(num_groups) * largest;
  }
  double ratio() const { return even > 0 ? sum / even : 1; }
};

class Balances {
 public:
  static constexpr double kWindowS = 1;

  explicit Balances(size_t num_groups) : window_(num_groups) {}

  // One step. `tokens` and `own_s` (seconds of own work) by group; `longest_piece`: the most tokens that one request
  // computed; `end_s`: ascending.
  void add_step(std::span<const double> tokens, std::span<const double> own_s, double longest_piece, double end_s) {
    const double all = std::accumulate(tokens.begin(), tokens.end(), 0.0);
    // A piece is in one group, so the fullest group has at least the longest piece, and at least the mean.
    at_best_.add(all, tokens.size(), std::max(longest_piece, all / static_cast<double>(tokens.size())));
    of_time_.add(own_s);
    if (end_s > window_end_s_) {
      close_window();
      window_end_s_ = end_s + kWindowS;
    }
    for (size_t group = 0; group < tokens.size(); ++group) window_[group] += tokens[group];
  }

  // Of a step's tokens, had the same pieces of prompts and the same tokens been spread over the groups in the best way:
  // no choice of groups and no move can do better.
  double at_best() const { return at_best_.ratio(); }
  double of_time() const { return of_time_.ratio(); }  // of the seconds of own work in a step
  // Of the tokens in windows of kWindowS.
  double of_window() const {
    MeanOverMax all = of_windows_;
    all.add(window_);
    return all.ratio();
  }

 private:
  void close_window() {
    of_windows_.add(window_);
    std::ranges::fill(window_, 0);
  }

  MeanOverMax at_best_;
  MeanOverMax of_time_;
  MeanOverMax of_windows_;
  std::vector<double> window_;  // tokens by group since it began
  double window_end_s_ = 0;
};

}  // namespace braid::simulate
