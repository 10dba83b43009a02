#include "braid/bench/simulate/virtual_engine.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "braid/base/check.h"
#include "braid/controller/assignments.h"

namespace braid::simulate {

// Every token is one letter.
class VirtualEngine::PlainTokenizer final : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, bool /*add_special_tokens*/) const override {
    return std::vector<TokenId>(text.size(), 0);
  }
  std::string decode(std::span<const TokenId> ids, bool /*skip_special_tokens*/) const override {
    return std::string(ids.size(), 'x');
  }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions /*options*/) const override {
    return std::make_unique<Stream>();
  }
  std::string token_bytes(TokenId /*id*/) const override { return "x"; }
  std::optional<TokenId> token_to_id(std::string_view /*token*/) const override { return std::nullopt; }
  bool is_special(TokenId /*id*/) const override { return false; }
  int64_t vocab_size() const override { return int64_t{1} << 30; }

 private:
  class Stream final : public TextStream {
   public:
    void push(TokenId /*id*/, std::string& out) override { out += 'x'; }
    void finish(std::string& /*out*/) override {}
  };
};

VirtualEngine::VirtualEngine(const SimulateOptions& options, const SchedulerConfig& scheduler,
                             int32_t prefill_alignment)
    : options_(options),
      prefill_alignment_(prefill_alignment),
      tokenizer_(std::make_unique<PlainTokenizer>()),
      controller_(*tokenizer_, masks_, options.schedule, options.load_balance,
                  std::vector<GroupLoad>(static_cast<size_t>(options.groups), GroupPublisher(scheduler).load()),
                  nullptr, options.kv_rebalance ? std::optional(RebalanceOptions()) : std::nullopt) {
  for (int32_t group = 0; group < options.groups; ++group) groups_.push_back(std::make_unique<Group>(scheduler));
}

VirtualEngine::~VirtualEngine() = default;

void VirtualEngine::submit(const std::shared_ptr<Submission>& submission) {
  CHECK(submission->submitted_s >= now_s_, "a request of {} s comes at {} s", submission->submitted_s, now_s_);
  now_s_ = submission->submitted_s;
  controller_.open(submission);
  dispatch();
}

std::optional<double> VirtualEngine::begin_step() {
  while (true) {
    plan_step();
    std::vector<std::shared_ptr<const StepPlan>> plans;
    std::vector<StepHeader> headers;
    int64_t longest = 0;
    for (const auto& group : groups_) {
      const PrefillState& state = group->publisher.prefill_state();
      plans.push_back(group->plan);
      headers.push_back({.num_tokens = group->plan == nullptr ? 0 : group->plan->num_tokens(),
                         .held_steps = state.held_steps,
                         .prefill_goes_on = state.goes_on});
      longest = std::max(longest, headers.back().num_tokens);
    }
    may_begin_ = may_begin_prefills(headers, prefill_alignment_);
    const bool has_news = deliver_outputs();
    dispatch();
    const bool is_idle = std::ranges::all_of(plans, [](const auto& plan) { return plan == nullptr; });
    if (!is_idle) {
      for (const auto& group : groups_) group->publisher.count_step(longest);
      step_end_s_ = now_s_ + step_seconds(options_.cost, plans);
      busy_s_ += step_end_s_ - now_s_;
      return step_end_s_;
    }
    const bool has_commands = std::ranges::any_of(groups_, [](const auto& group) { return !group->inbox.empty(); });
    if (!has_news && !has_commands) return std::nullopt;
  }
}

void VirtualEngine::plan_step() {
  for (const auto& group : groups_) {
    group->publisher.take(std::exchange(group->inbox, {}));
    group->plan = group->publisher.plan(may_begin_);
    if (group->plan != nullptr) continue;
    // A group that has taken commands which no step follows says so.
    if (auto report = group->publisher.report()) group->outputs.push_back(std::move(*report));
  }
}

void VirtualEngine::end_step() {
  now_s_ = step_end_s_;
  ++num_steps_;
  for (const auto& group : groups_) {
    if (group->plan == nullptr) continue;
    group->outputs.push_back(group->publisher.commit(result_of(*group->plan), 0));
  }
}

StepResult VirtualEngine::result_of(const StepPlan& plan) {
  StepResult result{.step = plan.step, .sequences = {}};
  for (const SequencePlan& sequence : plan.sequences) {
    if (!sequence.has_result()) continue;
    result.sequences.push_back({.request = sequence.request});
    result.sequences.back().sampled.token = next_token_;
    next_token_ = (next_token_ + 1) % 150'000;
  }
  return result;
}

bool VirtualEngine::deliver_outputs() {
  bool has_news = false;
  for (int32_t group = 0; group < num_groups(); ++group) {
    for (GroupOutputs& outputs : std::exchange(groups_[static_cast<size_t>(group)]->outputs, {})) {
      controller_.take_outputs(group, std::move(outputs), now_s_);
      has_news = true;
    }
  }
  return has_news;
}

void VirtualEngine::dispatch() {
  controller_.dispatch(now_s_, [this](int32_t group, std::span<const TokenId> prompt) {
    return groups_[static_cast<size_t>(group)]->publisher.probe(prompt);
  });
  controller_.rebalance();
  for (std::vector<GroupCommand>& map : take_assignments(controller_)) {
    for (GroupCommand& command : map) {
      Group& group = *groups_[static_cast<size_t>(command.group)];
      group.num_requests += std::ssize(command.add);
      group.inbox.push_back(std::move(command));
    }
  }
  num_moves_ += std::ssize(controller_.take_moved());
  (void)controller_.take_ended();
}

}  // namespace braid::simulate
