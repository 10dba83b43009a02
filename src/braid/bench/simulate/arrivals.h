// The requests of `braid bench simulate`, in order of their arrival. Equal options make equal requests. Tested by
// simulate_test.cc.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "braid/bench/simulate/simulate.h"
#include "braid/request/ids.h"

namespace braid::simulate {

struct Arrival {
  double at_s = 0;
  std::vector<TokenId> prompt;
  int32_t own_len = 0;  // of the prompt, without the system prompt
  int32_t output_len = 0;
};

class Arrivals {
 public:
  explicit Arrivals(const SimulateOptions& options) : options_(options), random_(options.seed) {
    for (int32_t i = 0; i < options.system_prompts; ++i) {
      system_prompts_.push_back(draw_tokens(options.system_prompt_len));
    }
    next_ordinary_s_ = draw_pause();
    next_long_s_ = options.long_prompt_len > 0 ? options.long_prompt_interval_s : options.duration_s;
  }

  // When the next request arrives; nothing: no more arrive.
  std::optional<double> next_s() const {
    if (options_.num_requests > 0 && num_taken_ >= options_.num_requests) return std::nullopt;
    const double next = std::min(next_ordinary_s_, next_long_s_);
    return next < options_.duration_s ? std::optional(next) : std::nullopt;
  }
  Arrival take() {
    ++num_taken_;
    Arrival arrival;
    if (next_long_s_ <= next_ordinary_s_) {
      arrival.at_s = next_long_s_;
      next_long_s_ += options_.long_prompt_interval_s;
      arrival.own_len = options_.long_prompt_len;
    } else {
      arrival.at_s = next_ordinary_s_;
      next_ordinary_s_ += draw_pause();
      arrival.own_len = draw_len(options_.shortest_prompt, options_.longest_prompt);
    }
    arrival.output_len = draw_len(options_.shortest_output, options_.longest_output);
    const size_t which = system_prompts_.size() == 1 ? 0 : static_cast<size_t>(random_() % system_prompts_.size());
    arrival.prompt = system_prompts_[which];
    const std::vector<TokenId> own = draw_tokens(arrival.own_len);
    arrival.prompt.insert(arrival.prompt.end(), own.begin(), own.end());
    return arrival;
  }

 private:
  static constexpr uint64_t kVocabSize = 150'000;

  // In (0, 1].
  double draw() { return static_cast<double>((random_() >> 11) + 1) * 0x1p-53; }
  double draw_pause() { return -std::log(draw()) / options_.request_rate; }
  int32_t draw_len(int32_t shortest, int32_t longest) {
    const double len = shortest * std::pow((longest + 1.0) / shortest, draw());
    return std::min(longest, static_cast<int32_t>(len));
  }
  std::vector<TokenId> draw_tokens(int32_t count) {
    std::vector<TokenId> tokens(static_cast<size_t>(count));
    for (TokenId& token : tokens) token = static_cast<TokenId>(random_() % kVocabSize);
    return tokens;
  }

  const SimulateOptions options_;
  std::mt19937_64 random_;
  std::vector<std::vector<TokenId>> system_prompts_;
  double next_ordinary_s_ = 0;
  double next_long_s_ = 0;
  int64_t num_taken_ = 0;
};

}  // namespace braid::simulate
