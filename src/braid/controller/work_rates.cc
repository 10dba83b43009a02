#include "braid/controller/work_rates.h"

#include <algorithm>
#include <cmath>

namespace braid {
namespace {

// Before anything is measured, and wherever the steps do not tell: a step's weights take as long as 24 prompt tokens,
// a decoded token as long as a prompt's, and attention reads 512 positions, or computes 8 192 pairs, meanwhile.
constexpr std::array<double, 5> kPriorProportions = {24, 1, 1, 1.0 / 512, 1.0 / 8192};
constexpr double kPriorTokenSeconds = 1e-3;
// The prior weighs as much as this many steps that consist of one kind of work alone.
constexpr double kPriorSteps = 0.5;

// A step that took so many times longer or shorter than expected (e to this) counts less: it waited for something else.
constexpr double kUsualLogError = 0.4;

constexpr double kPriorOutputLen = 256;
constexpr uint64_t kOutputsRemembered = 256;

}  // namespace

WorkRates::WorkRates(size_t num_groups)
    : memory_steps_(std::max(1024.0, 64.0 * static_cast<double>(num_groups))),
      slowness_(num_groups),
      output_len_(kPriorOutputLen) {
  for (size_t i = 0; i < kNumRates; ++i) rates_[i] = kPriorTokenSeconds * kPriorProportions[i];
}

WorkRates::Amounts WorkRates::amounts_of(const StepShape& step) {
  return {1, static_cast<double>(step.num_prompt_tokens), static_cast<double>(step.num_sequences - step.num_prefills),
          static_cast<double>(step.num_context_tokens), static_cast<double>(step.num_prefill_pairs)};
}

double WorkRates::usual_seconds(const Amounts& amounts) const {
  double seconds = 0;
  for (size_t i = 0; i < kNumRates; ++i) seconds += amounts[i] * rates_[i];
  return seconds;
}

StepRates WorkRates::rates() const {
  return {.step_s = rates_[kStep],
          .prompt_s = rates_[kPrompt],
          .decode_s = rates_[kDecode],
          .position_s = rates_[kPosition],
          .pair_s = rates_[kPair]};
}

void WorkRates::take_step(int32_t group, const StepShape& step, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds) || step.num_sequences <= 0) return;
  const Amounts amounts = amounts_of(step);
  Slowness& own = slowness_[static_cast<size_t>(group)];
  const double in_usual_s = seconds / own.times;

  double as_tokens = 0;
  for (size_t i = 0; i < kNumRates; ++i) as_tokens += amounts[i] * kPriorProportions[i];
  double weight = 1;
  if (num_steps_ == 0) {  // only now is it known what a second is worth
    for (size_t i = 0; i < kNumRates; ++i) rates_[i] = in_usual_s / as_tokens * kPriorProportions[i];
  } else {
    const double log_error = std::log(in_usual_s / usual_seconds(amounts));
    weight = std::min(1.0, kUsualLogError / std::max(1e-9, std::abs(log_error)));
    own.num_steps = std::min(own.num_steps + 1, kSlownessSteps);
    own.times *=
        std::exp(std::clamp(log_error, -kUsualLogError, kUsualLogError) / static_cast<double>(own.num_steps + 1));
  }
  ++num_steps_;

  const double kept = 1 - 1 / memory_steps_;
  const double scale = 1 / in_usual_s;
  for (size_t i = 0; i < kNumRates; ++i) {
    const double own_part = weight * amounts[i] * scale;
    for (size_t j = 0; j < kNumRates; ++j) squares_[i][j] = kept * squares_[i][j] + own_part * amounts[j] * scale;
    sums_[i] = kept * sums_[i] + own_part;
  }
  scale_weight_ = kept * scale_weight_ + weight;
  prior_scale_ += weight / scale_weight_ * (in_usual_s / as_tokens - prior_scale_);
  if (num_steps_ < next_fit_) return;
  next_fit_ = num_steps_ + std::min(num_steps_, kStepsOfFit);
  fit();
}

// Least squares of the relative errors, with a weak pull to the prior's proportions, and no rate below zero.
void WorkRates::fit() {
  constexpr int kSweeps = 32;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t i = 0; i < kNumRates; ++i) {
      const double prior = prior_scale_ * kPriorProportions[i];
      const double pull = kPriorSteps / (prior * prior);
      double rest = sums_[i] + pull * prior;
      for (size_t j = 0; j < kNumRates; ++j) rest -= i == j ? 0 : squares_[i][j] * rates_[j];
      rates_[i] = std::max(0.0, rest / (squares_[i][i] + pull));
    }
  }
  rates_[kPrompt] = std::max(rates_[kPrompt], 1e-12);  // it is what others are compared with
  center_slowness();
  least_slowness_ = std::ranges::min(slowness_, {}, &Slowness::times).times;
  ++version_;
}

// Rates and slowness could drift against each other. What they say of each group stays the same.
void WorkRates::center_slowness() {
  double sum = 0;
  double count = 0;
  for (const Slowness& own : slowness_) {
    if (own.num_steps == 0) continue;
    sum += std::log(own.times);
    ++count;
  }
  if (count == 0) return;
  const double factor = std::exp(-sum / count);
  for (Slowness& own : slowness_) {
    if (own.num_steps > 0) own.times *= factor;
  }
  for (size_t i = 0; i < kNumRates; ++i) {
    rates_[i] /= factor;
    sums_[i] *= factor;
    for (double& square : squares_[i]) square *= factor * factor;
  }
  prior_scale_ /= factor;
}

void WorkRates::take_output_len(int64_t num_tokens) {
  num_outputs_ = std::min(num_outputs_ + 1, kOutputsRemembered);
  // The prior counts as eight requests.
  output_len_ += (static_cast<double>(num_tokens) - output_len_) / static_cast<double>(num_outputs_ + 8);
}

double WorkRates::seconds_of(const TokenLoad& load, int64_t num_requests) const {
  return rates_[kPrompt] * static_cast<double>(load.num_prefill_tokens) +
         rates_[kPair] * static_cast<double>(load.num_prefill_pairs) +
         output_len_ * (rates_[kDecode] * static_cast<double>(num_requests) +
                        rates_[kPosition] * static_cast<double>(load.num_context_tokens));
}

double WorkRates::prompt_tokens_of(const StepShape& step) const {
  const double seconds = usual_seconds(amounts_of(step)) - rates_[kStep];
  return seconds / rates_[kPrompt];
}

double WorkRates::saved_seconds(int64_t num_cached) const {
  return rates_[kPrompt] * static_cast<double>(num_cached) +
         rates_[kPair] * static_cast<double>(count_prefill_pairs(0, num_cached));
}

}  // namespace braid
