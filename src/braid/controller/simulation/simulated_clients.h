// For tests: clients of a controller under virtual time. Each choice's tokens follow from its prompt and seed, so
// another's tokens, a lost token or a repeated one is noticed.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "braid/controller/simulation/findings.h"
#include "braid/controller/simulation/virtual_time.h"
#include "braid/controller/submission.h"
#include "braid/request/random.h"
#include "braid/tokenizer/tokenizer.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {

class SimulatedClients {
 public:
  using OnFinding = std::function<void(SimulatedProperty property, std::string what)>;
  using OnEnded = std::function<void(uint64_t choice_seed)>;

  SimulatedClients(const Tokenizer& tokenizer, VirtualTime& time, OnFinding on_finding, OnEnded on_ended)
      : tokenizer_(tokenizer), time_(time), on_finding_(std::move(on_finding)), on_ended_(std::move(on_ended)) {}

  // A request drawn from the seed. Prompts share beginnings, so that prefix caches find some. `crowds`: most requests
  // ask for the same group.
  std::shared_ptr<Submission> next_request(int32_t num_groups, int64_t max_prompt_len, int64_t max_new_tokens,
                                           bool crowds) {
    auto made = std::make_shared<Submission>();
    const SubmissionId id = made->id = requests_.size() + 1;
    GenerationRequest& request = made->request;
    const auto prompt_len = time_.pick(1, max_prompt_len);
    const auto family = static_cast<TokenId>(time_.pick(33, 35));
    std::vector<TokenId> prompt(static_cast<size_t>(prompt_len), family);
    prompt.back() = static_cast<TokenId>(time_.pick(33, 90));
    request.prompt = std::move(prompt);
    request.sampling.seed = id * 1000;
    request.sampling.max_new_tokens = static_cast<int32_t>(time_.pick(1, max_new_tokens));
    request.n = time_.one_in(4) ? 2 : 1;
    request.priority = static_cast<int32_t>(time_.pick(0, 2));
    if (time_.one_in(4)) request.dp_rank = static_cast<int32_t>(time_.pick(0, num_groups - 1));
    request.dp_rank_strict = request.dp_rank && time_.one_in(2);
    if (crowds && !request.dp_rank) request.dp_rank = 0;
    if (time_.one_in(4)) {
      const std::string text = whole_text(request, request.sampling.seed);
      if (text.size() >= 2) request.stop_strings = {text.substr(time_.pick(0, text.size() - 2), 2)};
    }
    made->on_delta = [this, id](const Delta& delta) { take(id, delta); };
    requests_.push_back({.submission = made, .choices = std::vector<Choice>(static_cast<size_t>(request.n))});
    return made;
  }

  // The client leaves: its request may end with kAbort.
  void leave(SubmissionId id) { requests_.at(id - 1).has_left = true; }
  // From now on, requests may end with an error: all, or those that only one group may take.
  void expect_errors(bool only_strict) { may_fail_ = only_strict ? MayFail::kStrict : MayFail::kAll; }

  // From now on, requests may be set aside.
  void expect_set_aside() { may_be_set_aside_ = true; }

  std::vector<std::string> open_choices() const {
    std::vector<std::string> open;
    for (const Request& request : requests_) {
      for (size_t index = 0; index < request.choices.size(); ++index) {
        if (request.choices[index].num_ends > 0) continue;
        open.push_back(fmt::format("choice {} of request {} has not ended", index, request.submission->id));
      }
    }
    return open;
  }

  int64_t num_tokens() const { return num_tokens_; }
  size_t num_requests() const { return requests_.size(); }

 private:
  struct Choice {
    int32_t num_tokens = 0;
    std::string text;
    int num_ends = 0;
  };
  struct Request {
    std::shared_ptr<Submission> submission;
    std::vector<Choice> choices;
    bool has_left = false;
  };

  enum class MayFail : uint8_t { kNone, kStrict, kAll };

  static std::vector<TokenId> whole_output(const GenerationRequest& request, uint64_t seed) {
    return FakeModel::output_of(std::get<std::vector<TokenId>>(request.prompt), seed, request.sampling.max_new_tokens,
                                kVisibleTokens);
  }
  std::string whole_text(const GenerationRequest& request, uint64_t seed) const {
    return tokenizer_.decode(whole_output(request, seed), true);
  }

  void take(SubmissionId id, const Delta& delta) {
    Request& request = requests_.at(id - 1);
    Choice& choice = request.choices.at(static_cast<size_t>(delta.index));
    const auto wrong = [&](const std::string& what) {
      on_finding_(SimulatedProperty::kAnsweredOnce, fmt::format("choice {} of request {}: {}", delta.index, id, what));
    };
    if (choice.num_ends > 0) return wrong("news after its end");
    const uint64_t seed = choice_seed(request.submission->request.sampling.seed, delta.index);
    const std::vector<TokenId> expected = whole_output(request.submission->request, seed);
    for (const SampledToken& token : delta.tokens) {
      const auto index = static_cast<size_t>(choice.num_tokens);
      if (index >= expected.size() || token.token != expected[index]) {
        return wrong(fmt::format("token {} is not its own", choice.num_tokens));
      }
      ++choice.num_tokens;
      ++num_tokens_;
    }
    choice.text += delta.text;
    if (delta.finish == FinishReason::kNone) return;
    ++choice.num_ends;
    on_ended_(seed);
    const std::string how = wrong_end(request, choice, delta, seed);
    if (!how.empty()) wrong(how);
  }

  // What is wrong with the choice's end; empty: nothing.
  std::string wrong_end(const Request& request, const Choice& choice, const Delta& delta, uint64_t seed) const {
    const GenerationRequest& asked = request.submission->request;
    const int32_t max_new = asked.sampling.max_new_tokens;
    const std::string whole = whole_text(asked, seed);
    switch (delta.finish) {
      case FinishReason::kNone:
        break;
      case FinishReason::kAbort:
        if (!request.has_left) return "it was aborted, and nobody asked for that";
        break;
      case FinishReason::kError:
        if (may_be_set_aside_ && delta.error.starts_with("the request is set aside")) break;
        if (may_fail_ == MayFail::kNone || (may_fail_ == MayFail::kStrict && !asked.dp_rank_strict)) {
          return "it ended with an error: " + delta.error;
        }
        if (delta.error.empty()) return "it ended with an error that says nothing";
        break;
      case FinishReason::kLength:
        if (choice.num_tokens != max_new) return fmt::format("{} tokens instead of {}", choice.num_tokens, max_new);
        if (choice.text != whole) return "its text is not that of its tokens";
        for (const std::string& stop : asked.stop_strings) {
          if (whole.find(stop) != std::string::npos) return "it was not stopped";
        }
        break;
      case FinishReason::kStop: {
        if (asked.stop_strings.empty()) return "it was stopped, and nothing stops it";
        if (choice.text != whole.substr(0, whole.find(asked.stop_strings[0])))
          return "it was not stopped where it ends";
        break;
      }
    }
    return {};
  }

  const Tokenizer& tokenizer_;
  VirtualTime& time_;
  const OnFinding on_finding_;
  const OnEnded on_ended_;
  std::vector<Request> requests_;
  MayFail may_fail_ = MayFail::kNone;
  bool may_be_set_aside_ = false;
  int64_t num_tokens_ = 0;
};

}  // namespace braid
