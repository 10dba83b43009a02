// For tests: how a controller spreads a load over groups that step together, under virtual time. Real controller and
// publishers; a step lasts as long as its largest group's tokens take, and every token is the same one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "braid/controller/controller.h"
#include "braid/controller/mask_worker.h"
#include "braid/worker/group_publisher.h"

namespace braid {

class BalanceSimulation {
 public:
  struct Options {
    int32_t num_groups = 4;
    SchedulerConfig scheduler;
    LoadBalanceMethod method = LoadBalanceMethod::kMeasuredTime;
    std::optional<RebalanceOptions> rebalance = {};
    double step_s = 0.03;  // without tokens
    double token_s = 0.0005;
    // The controller asks the groups' own prefix caches as they are now, which no real one can.
    bool asks_directly = false;
    // It hears of a step when the next one is under way.
    bool hears_late = false;
  };

  BalanceSimulation(const Tokenizer& tokenizer, const Options& options)
      : options_(options),
        num_requests_(static_cast<size_t>(options.num_groups)),
        controller_(tokenizer, masks_, SchedulePolicy::kFcfs, options.method, initial_loads(options), nullptr,
                    options.rebalance) {
    for (int32_t group = 0; group < options.num_groups; ++group) {
      publishers_.push_back(std::make_unique<GroupPublisher>(options.scheduler));
    }
  }

  void submit(std::vector<TokenId> prompt, int32_t max_new_tokens) {
    auto made = std::make_shared<Submission>();
    made->id = ++num_submitted_;
    made->submitted_s = now_s_;
    made->request.prompt = std::move(prompt);
    made->request.sampling.max_new_tokens = max_new_tokens;
    made->on_delta = [this](const Delta& delta) { num_ended_ += delta.finish != FinishReason::kNone ? 1 : 0; };
    controller_.open(made);
  }

  // One step of all groups; false if they have nothing to do.
  bool step() {
    dispatch();
    controller_.rebalance();
    std::vector<std::shared_ptr<const StepPlan>> plans;
    int64_t longest = 0;
    bool has_any = false;
    for (int32_t group = 0; group < options_.num_groups; ++group) {
      std::vector<GroupCommand> commands = controller_.take_commands(group);
      for (const GroupCommand& command : commands) {
        num_requests_[static_cast<size_t>(group)] += std::ssize(command.add);
      }
      own(group).take(std::move(commands));
      plans.push_back(own(group).plan());
      if (plans.back() != nullptr) longest = std::max(longest, plans.back()->num_tokens());
      has_any = has_any || plans.back() != nullptr;
    }
    if (has_any) now_s_ += options_.step_s + options_.token_s * static_cast<double>(longest);
    std::vector<std::pair<int32_t, GroupOutputs>> heard = std::exchange(unheard_, {});
    for (int32_t group = 0; group < options_.num_groups; ++group) {
      const auto& plan = plans[static_cast<size_t>(group)];
      std::optional<GroupOutputs> outputs;
      if (plan != nullptr) {
        StepResult result = result_of(*plan);
        result.own_s = options_.step_s + options_.token_s * static_cast<double>(plan->num_tokens());
        outputs = own(group).commit(result, options_.step_s);
      } else {
        outputs = own(group).report();
      }
      if (outputs) (options_.hears_late ? unheard_ : heard).emplace_back(group, std::move(*outputs));
    }
    has_any = has_any || !heard.empty() || !unheard_.empty();
    for (auto& [group, outputs] : heard) controller_.take_outputs(group, std::move(outputs), now_s_);
    controller_.take_ended();
    return has_any;
  }
  // Steps until `time_s`, or, with nothing to do, waits until then.
  void run_until(double time_s) {
    while (now_s_ < time_s && step()) {
    }
    now_s_ = std::max(now_s_, time_s);
  }

  double now_s() const { return now_s_; }
  int64_t num_open() const { return static_cast<int64_t>(num_submitted_) - num_ended_; }
  const std::vector<int64_t>& num_requests() const { return num_requests_; }  // by group
  std::vector<int64_t> num_tokens() const {                                   // computed, by group
    std::vector<int64_t> tokens;
    for (const auto& publisher : publishers_) {
      tokens.push_back(static_cast<int64_t>(publisher->load().num_step_tokens));
    }
    return tokens;
  }
  double hit_rate() const {
    SchedulerStats all;
    for (const auto& publisher : publishers_) all += publisher->load().scheduler;
    return static_cast<double>(all.num_cached_tokens) /
           static_cast<double>(std::max<uint64_t>(1, all.num_prompt_tokens));
  }
  const Controller& controller() const { return controller_; }

 private:
  static std::vector<GroupLoad> initial_loads(const Options& options) {
    return std::vector<GroupLoad>(static_cast<size_t>(options.num_groups), GroupPublisher(options.scheduler).load());
  }
  void dispatch() {
    if (!options_.asks_directly) return controller_.dispatch(now_s_);
    controller_.dispatch(now_s_, [&](const SchedulerRequest& request, std::span<PrefixProbe> by_group) {
      for (size_t group = 0; group < by_group.size(); ++group) {
        by_group[group] = publishers_[group]->probe(request.reusable_prompt());
      }
    });
  }
  GroupPublisher& own(int32_t group) { return *publishers_[static_cast<size_t>(group)]; }

  static StepResult result_of(const StepPlan& plan) {
    constexpr TokenId kToken = 40;
    StepResult result{.step = plan.step};
    for (const SequencePlan& sequence : plan.sequences) {
      if (!sequence.has_result()) continue;
      result.sequences.push_back({.request = sequence.request});
      result.sequences.back().sampled.token = kToken;
    }
    return result;
  }

  const Options options_;
  double now_s_ = 0;
  SubmissionId num_submitted_ = 0;
  int64_t num_ended_ = 0;
  std::vector<int64_t> num_requests_;
  std::vector<std::unique_ptr<GroupPublisher>> publishers_;
  std::vector<std::pair<int32_t, GroupOutputs>> unheard_;  // by the controller
  MaskWorker masks_;
  Controller controller_;
};

}  // namespace braid
