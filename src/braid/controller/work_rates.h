// How long the groups take for their work, learnt from the steps that they report: seconds of a prompt token, of a
// running request's next token, and of the positions that attention reads, in a usual group; and how many times slower
// than that each group is. Pure: the caller passes the seconds in.
//
// What counts is a group's own work, without waiting for others: groups that step together all take as long as the
// slowest. One set of rates for all groups needs few steps, and a group that has computed no prompt yet is known to be
// slow by its decode steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "braid/controller/token_load.h"
#include "braid/wire/group_outputs.h"

namespace braid {

// Seconds in a usual group. A step takes `step_s` and the sum of the others for all that it computes.
struct StepRates {
  double step_s = 0;      // whatever it computes: the weights are read
  double prompt_s = 0;    // a token of a prompt
  double decode_s = 0;    // a running request's next token
  double position_s = 0;  // one position of a request's context
  double pair_s = 0;      // a prompt's token with one position before it
};

class WorkRates {
 public:
  explicit WorkRates(size_t num_groups);

  // A step of the group took `seconds` of its own. A value that makes no sense is left out.
  void take_step(int32_t group, const StepShape& step, double seconds);
  // A request has ended after so many tokens.
  void take_output_len(int64_t num_tokens);

  // What the load will take, in seconds of a usual group: prompts until they are computed, and each request as many
  // decode steps as requests have generated tokens on average.
  double seconds_of(const TokenLoad& load, int64_t num_requests) const;
  // And what those decode steps take beside, whatever they compute.
  double seconds_of_steps() const { return output_len_ * rates_[kStep]; }
  // What a step computed, as the number of prompt tokens that take as long.
  double prompt_tokens_of(const StepShape& step) const;
  // For tokens that a group need not compute, because it has them: the first `num_cached` of a prompt.
  double saved_seconds(int64_t num_cached) const;
  // Times a usual group's seconds: this group's. Usual is the mean of those that have been measured.
  double slowness(int32_t group) const { return slowness_[static_cast<size_t>(group)].times; }

  double least_slowness() const { return least_slowness_; }  // of all groups, when the rates were last fitted

  StepRates rates() const;
  double output_len() const { return output_len_; }
  // Changes with the rates: figures from before are in other units.
  uint64_t version() const { return version_; }

 private:
  enum Rate : size_t { kStep, kPrompt, kDecode, kPosition, kPair, kNumRates };  // those of StepRates
  using Amounts = std::array<double, kNumRates>;

  struct Slowness {
    double times = 1;
    int32_t num_steps = 0;  // up to kSlownessSteps
  };
  static Amounts amounts_of(const StepShape& step);
  double usual_seconds(const Amounts& amounts) const;
  void fit();
  void center_slowness();

  // How many steps the rates go back, and how many slowness does.
  double memory_steps_ = 0;
  static constexpr int32_t kSlownessSteps = 64;
  // Rates are fitted anew after this many steps, and sooner at the start.
  static constexpr uint64_t kStepsOfFit = 32;

  std::vector<Slowness> slowness_;
  Amounts rates_{};  // seconds in a usual group
  // Weighted sums over steps of amounts by amounts and of amounts, each over the step's seconds.
  std::array<Amounts, kNumRates> squares_{};
  Amounts sums_{};
  double prior_scale_ = 0;  // seconds of a prompt token, if the prior's proportions held
  double scale_weight_ = 0;
  uint64_t num_steps_ = 0;
  uint64_t next_fit_ = 1;
  uint64_t version_ = 0;
  double least_slowness_ = 1;
  double output_len_;
  uint64_t num_outputs_ = 0;
};

}  // namespace braid
