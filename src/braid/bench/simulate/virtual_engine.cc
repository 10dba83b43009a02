#include "braid/bench/simulate/virtual_engine.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "braid/base/check.h"
#include "braid/controller/assignments.h"

namespace braid::simulate {

namespace {

std::vector<double> slowness_of(const SimulateOptions& options) {
  std::vector<double> slowness(static_cast<size_t>(options.groups), 1);
  std::fill_n(slowness.begin(), options.slow_groups, options.slowdown);
  return slowness;
}

}  // namespace

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
      scheduler_(scheduler),
      prefill_alignment_(prefill_alignment),
      slowness_(slowness_of(options)),
      tokenizer_(std::make_unique<PlainTokenizer>()),
      controller_(*tokenizer_, masks_, options.schedule, options.load_balance,
                  std::vector<GroupLoad>(static_cast<size_t>(options.groups), GroupPublisher(scheduler).load()),
                  nullptr, options.kv_rebalance ? std::optional(RebalanceOptions()) : std::nullopt,
                  options.share_prefixes ? std::optional(ShareOptions()) : std::nullopt),
      link_(options.groups),
      dispatcher_(link_, DispatchMode::kBroadcast, options.groups),
      balances_(static_cast<size_t>(options.groups)) {
  for (int32_t group = 0; group < options.groups; ++group) groups_.push_back(std::make_unique<Group>(scheduler));
}

VirtualEngine::~VirtualEngine() = default;

void VirtualEngine::submit(const std::shared_ptr<Submission>& submission) {
  CHECK(submission->submitted_s >= now_s_, "a request of {} s comes at {} s", submission->submitted_s, now_s_);
  now_s_ = submission->submitted_s;
  cost_.requests_us += ControllerCost::us_of([&] { controller_.open(submission); });
  dispatch();
}

std::vector<RequestId> VirtualEngine::lose(int32_t first_group, int32_t num_groups) {
  std::vector<RequestId> interrupted;
  for (int32_t group = first_group; group < first_group + num_groups; ++group) {
    Group& own = *groups_[static_cast<size_t>(group)];
    interrupted.insert(interrupted.end(), own.running.begin(), own.running.end());
    own.running.clear();
    own.plan = nullptr;
    own.inbox.clear();
    own.outputs.clear();
    own.publisher = nullptr;
  }
  controller_.lose_groups(first_group, num_groups, "a fault", true);
  return interrupted;
}

void VirtualEngine::restart(int32_t first_group, int32_t num_groups) {
  for (int32_t group = first_group; group < first_group + num_groups; ++group) {
    Group& own = *groups_[static_cast<size_t>(group)];
    own.publisher = std::make_unique<GroupPublisher>(scheduler_);
    controller_.restart_group(group, own.publisher->load());
  }
}

// With what it had counted before it was last lost.
GroupLoad VirtualEngine::load(int32_t group) const {
  const Group& own = *groups_.at(static_cast<size_t>(group));
  return own.publisher == nullptr || options_.faults > 0 ? controller_.load(group) : own.publisher->load();
}

std::optional<double> VirtualEngine::begin_step() {
  while (true) {
    plan_step();
    std::vector<std::shared_ptr<const StepPlan>> plans;
    std::vector<StepHeader> headers;
    int64_t longest = 0;
    for (const auto& group : groups_) {
      const PrefillState state = group->publisher == nullptr ? PrefillState() : group->publisher->prefill_state();
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
      for (const auto& group : groups_) {
        if (group->publisher != nullptr) group->publisher->count_step(longest);
      }
      const StepSeconds step = step_seconds(options_.cost, plans, slowness_);
      for (size_t group = 0; group < groups_.size(); ++group) groups_[group]->step_own_s = step.own_s[group];
      step_s_ = step.total_s();
      step_end_s_ = now_s_ + step_s_;
      busy_s_ += step_end_s_ - now_s_;
      note_balance(plans, step.own_s);
      return step_end_s_;
    }
    const bool has_commands = std::ranges::any_of(groups_, [](const auto& group) { return !group->inbox.empty(); });
    if (!has_news && !has_commands) return std::nullopt;
  }
}

void VirtualEngine::note_balance(std::span<const std::shared_ptr<const StepPlan>> plans,
                                 std::span<const double> own_s) {
  std::vector<double> tokens;
  size_t longest_piece = 0;
  for (const auto& plan : plans) {
    tokens.push_back(plan == nullptr ? 0 : static_cast<double>(plan->num_tokens()));
    if (plan == nullptr) continue;
    for (const SequencePlan& sequence : plan->sequences) {
      longest_piece = std::max(longest_piece, sequence.new_tokens.size());
    }
  }
  balances_.add_step(tokens, own_s, static_cast<double>(longest_piece), step_end_s_);
}

void VirtualEngine::plan_step() {
  for (const auto& group : groups_) {
    if (group->publisher == nullptr) continue;
    group->publisher->take(std::exchange(group->inbox, {}));
    group->plan = group->publisher->plan(may_begin_);
    if (group->plan != nullptr) continue;
    // A group that has taken commands which no step follows says so.
    if (auto report = group->publisher->report()) group->outputs.push_back(std::move(*report));
  }
}

void VirtualEngine::end_step() {
  now_s_ = step_end_s_;
  ++num_steps_;
  for (const auto& group : groups_) {
    if (group->plan == nullptr) continue;
    StepResult result = result_of(*group->plan);
    result.own_s = group->step_own_s;
    group->own_s += group->step_own_s;
    group->outputs.push_back(group->publisher->commit(result, step_s_));
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
  std::vector<std::pair<int32_t, GroupOutputs>> news;
  for (int32_t group = 0; group < num_groups(); ++group) {
    Group& own = *groups_[static_cast<size_t>(group)];
    for (GroupOutputs& outputs : std::exchange(own.outputs, {})) {
      for (const RequestOutcome& outcome : outputs.outcomes) {
        if (outcome.finish != FinishReason::kNone) own.running.erase(outcome.request);
      }
      for (const MovingSequence& moving : outputs.departed) own.running.erase(moving.sequence.request.id);
      news.emplace_back(group, std::move(outputs));
    }
  }
  cost_.outputs_us += ControllerCost::us_of([&] {
    for (auto& [group, outputs] : news) controller_.take_outputs(group, std::move(outputs), now_s_);
  });
  return !news.empty();
}

void VirtualEngine::dispatch() {
  const bool has_waiting = controller_.num_queued() > 0;
  std::vector<std::vector<GroupCommand>> maps;
  double turn_us = ControllerCost::us_of([&] {
    controller_.dispatch(now_s_);
    controller_.rebalance();
    maps = take_assignments(controller_);
  });
  for (std::vector<GroupCommand>& map : maps) {
    std::vector<GroupCommand> encoded = map;
    turn_us += ControllerCost::us_of([&] { CHECK(dispatcher_.send(std::move(encoded)).ok()); });
    for (GroupCommand& command : map) {
      Group& group = *groups_[static_cast<size_t>(command.group)];
      group.num_requests += std::ssize(command.add);
      for (const SchedulerRequest& request : command.add) group.running.insert(request.id);
      for (const MovingSequence& moving : command.arrive) group.running.insert(moving.sequence.request.id);
      group.inbox.push_back(std::move(command));
    }
  }
  cost_.requests_us += turn_us;
  if (has_waiting) cost_.turns_us.push_back(turn_us);
  for (const MoveReport& moved : controller_.take_moved()) ++(moved.is_prefix ? num_copies_ : num_moves_);
  (void)controller_.take_ended();
}

}  // namespace braid::simulate
