// The prompts of `braid bench planning`: a few shared prefixes, each continued by tokens of the prompt's own. Tested by
// planning_test.cc.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "braid/bench/planning/planning.h"
#include "braid/request/scheduler_request.h"

namespace braid::planning {

class PromptSource {
 public:
  explicit PromptSource(const PlanningOptions& options) : options_(options), random_(options.seed) {
    for (int32_t i = 0; i < options.num_prefixes; ++i) prefixes_.push_back(draw(options.prefix_len));
  }

  // The next prompt in order of arrival. If `max_new_tokens` is 0, it is drawn at random.
  SchedulerRequest next(int32_t max_new_tokens = 0) {
    SchedulerRequest request{.id = next_id_, .arrival = next_id_};
    ++next_id_;
    request.prompt = prefixes_[random_() % prefixes_.size()];
    const int32_t own_len = options_.prompt_len - options_.prefix_len;
    const std::vector<TokenId> own = draw(between((own_len + 3) / 4, own_len));
    request.prompt.insert(request.prompt.end(), own.begin(), own.end());
    request.sampling.max_new_tokens = max_new_tokens > 0 ? max_new_tokens : between(1, options_.output_len);
    return request;
  }

  TokenId token() { return between(0, kVocabSize - 1); }

 private:
  static constexpr int32_t kVocabSize = 150'000;

  int32_t between(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  std::vector<TokenId> draw(int32_t len) {
    std::vector<TokenId> tokens(static_cast<size_t>(len));
    for (TokenId& token : tokens) token = between(0, kVocabSize - 1);
    return tokens;
  }

  const PlanningOptions options_;
  std::mt19937_64 random_;
  std::vector<std::vector<TokenId>> prefixes_;
  RequestId next_id_ = 1;
};

}  // namespace braid::planning
