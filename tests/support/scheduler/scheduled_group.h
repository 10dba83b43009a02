// For tests: one DP group's scheduler with the fake model in place of its ranks, and what each request got.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "braid/scheduler/scheduler.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {

class ScheduledGroup {
 public:
  explicit ScheduledGroup(const SchedulerConfig& config, FakeVocabulary vocabulary = 1000)
      : scheduler(config), model(config, vocabulary) {}

  Status add(RequestId id, std::vector<TokenId> prompt, int32_t max_new_tokens = 4, SamplingParams params = {},
             int32_t priority = 0) {
    params.max_new_tokens = max_new_tokens;
    tokens[id] = prompt;
    return scheduler.add({.id = id,
                          .prompt = std::move(prompt),
                          .sampling = std::move(params),
                          .priority = priority,
                          .arrival = static_cast<uint64_t>(id)});
  }

  // One step; false if there is nothing to do.
  bool step(bool may_begin_prefills = true) {
    auto planned = scheduler.plan(may_begin_prefills);
    if (!planned) return false;
    plan = std::move(*planned);
    StepResult result = model.run(plan, [this](RequestId id) -> const std::vector<TokenId>& { return tokens.at(id); });
    for (SequenceResult& sequence : result.sequences) {
      if (errors.contains(sequence.request)) sequence.error = errors.at(sequence.request);
    }
    for (const RequestOutcome& outcome : scheduler.commit(result)) {
      last[outcome.request] = outcome;
      if (outcome.token) tokens.at(outcome.request).push_back(outcome.token->token);
      auto& own = scored[outcome.request];
      own.insert(own.end(), outcome.prompt_logprobs.begin(), outcome.prompt_logprobs.end());
    }
    scheduler.check_invariants();
    return true;
  }

  void run() {
    while (step()) {
    }
    scheduler.check_idle_invariants();
  }

  // The new tokens of each request in the last plan, in its order.
  std::vector<std::pair<RequestId, size_t>> planned() const {
    std::vector<std::pair<RequestId, size_t>> parts;
    for (const SequencePlan& sequence : plan.sequences) {
      parts.emplace_back(sequence.request, sequence.new_tokens.size());
    }
    return parts;
  }

  Scheduler scheduler;
  FakeModel model;
  StepPlan plan;                                         // the last one
  std::map<RequestId, std::vector<TokenId>> tokens;      // prompt and output
  std::map<RequestId, std::vector<ScoredToken>> scored;  // of the prompt
  std::map<RequestId, RequestOutcome> last;
  std::map<RequestId, std::string> errors;  // set by a test: results that the model reports as errors
};

}  // namespace braid
