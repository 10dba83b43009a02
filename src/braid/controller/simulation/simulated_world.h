// For tests: a world of ranks under virtual time. Each rank runs the rounds of the step protocol with real publishers
// and real decisions. What a thread does in one go happens here in small steps, and anything else may happen between
// them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/controller/simulation/findings.h"
#include "braid/controller/simulation/simulated_link.h"
#include "braid/controller/simulation/simulated_page_transfer.h"
#include "braid/controller/simulation/virtual_time.h"
#include "braid/wire/group_command.h"
#include "braid/worker/group_inbox.h"
#include "braid/worker/group_publisher.h"
#include "braid/worker/step_protocol.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {

struct SimulatedWorldOptions {
  int32_t first_group = 0;               // numbered over all worlds
  std::vector<uint64_t> last_maps = {};  // of each group, before this world began; empty: none
  AssignmentLimits maps;
  int32_t num_groups = 1;
  int32_t ranks_per_group = 1;
  SchedulerConfig scheduler;
  int32_t prefill_alignment = 0;
  int64_t max_pause_us = 10;         // the longest duration of a small step
  int64_t timeout_us = 0;            // of a collective
  FakeRequests* requests = nullptr;  // of all worlds, like the next
  SimulatedPageTransfer* page_transfer = nullptr;
  SeededBug bug = SeededBug::kNone;
};

struct SimulatedWorldEvents {
  std::function<void(int32_t group, GroupOutputs outputs)> on_outputs;
  std::function<void(int32_t group)> on_work_changed;  // the group may have become idle or busy
  std::function<void(int32_t group, const GroupCommand& taken)> on_taken;
  std::function<void(const std::string& reason)> on_failure;  // once
  std::function<void(SimulatedProperty property, std::string what)> on_finding;
};

class SimulatedWorld {
 public:
  SimulatedWorld(VirtualTime& time, const SimulatedWorldOptions& options, SimulatedWorldEvents events)
      : time_(time), options_(options), events_(std::move(events)) {
    for (int32_t i = 0; i < options_.num_groups; ++i) {
      groups_.push_back(std::make_unique<Group>(options_.first_group + i, options_));
    }
    ranks_.resize(static_cast<size_t>(options_.num_groups) * static_cast<size_t>(options_.ranks_per_group),
                  Rank{.model = FakeModel(options_.scheduler, kVisibleTokens)});
    for (size_t rank = 0; rank < ranks_.size(); ++rank) pause([this, rank] { begin_round(rank); });
  }

  // In three steps: puts a map where the group's publisher finds it, counts it, wakes all ranks.
  void deliver(int32_t group, SharedBytes map) {
    own(group).maps->push_back(std::move(map));
    pause([this] {
      ++work_count_;
      pause([this] { wake_all(); });
    });
  }
  void stop() {
    is_stopping_ = true;
    ++work_count_;
    wake_all();
  }

  // Delays the rank's next small step.
  void stall(size_t rank, int64_t duration_us) { ranks_.at(rank).stall_us = duration_us; }
  enum class Fault : uint8_t { kNone, kThrowsBeforeHeaders, kThrowsInStep, kIsLost };
  void break_rank(size_t rank, Fault fault) { ranks_.at(rank).fault = fault; }

  const GroupPublisher& publisher(int32_t group) const { return groups_.at(index_of(group))->publisher; }
  bool is_idle(int32_t group) const {
    const SchedulerStats stats = publisher(group).load().scheduler;
    return stats.num_running + stats.num_waiting == 0;
  }
  size_t num_ranks() const { return ranks_.size(); }
  bool has_failed() const { return has_failed_; }
  // A rank alone in its world is lost, and no other rank notices. Then the world has failed.
  bool give_up_if_lost_alone() {
    if (ranks_.size() != 1 || ranks_[0].state != State::kLost) return false;
    return !std::exchange(has_failed_, true);
  }
  // Ends the ranks that wait or work, as an abort of their exchange does. False: one is stuck.
  bool end() {
    has_failed_ = true;
    end_all();
    return std::ranges::none_of(ranks_, [](const Rank& rank) { return rank.state == State::kLost; });
  }
  bool is_parked() const { return all_are(State::kParked); }
  bool has_ended() const {
    return std::ranges::all_of(
        ranks_, [](const Rank& rank) { return rank.state == State::kEnded || rank.state == State::kLost; });
  }

  // Called when nothing else happens any more: times out a collective that some ranks wait in. False: no rank waits.
  bool time_out() {
    const bool waits_for_pages =
        std::ranges::any_of(ranks_, [](const Rank& rank) { return rank.state == State::kAwaitsPages; });
    if (num_meeting_ == 0 && !waits_for_pages) return false;
    time_.pass(options_.timeout_us);
    const std::string where = report();
    for (const Rank& rank : ranks_) {
      if (waits_for_pages || (rank.state != State::kParked && rank.state != State::kEnded)) continue;
      events_.on_finding(SimulatedProperty::kSameCollectives, where);
      return true;
    }
    fail(fmt::format("a collective timed out: {}", where));
    end_all();
    return true;
  }
  // "rank 0 is parked, rank 1 waits for the headers of round 7 with 0 rows"
  std::string report() const {
    std::string text;
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      const Rank& own = ranks_[rank];
      text += fmt::format("{}rank {} {}", text.empty() ? "" : ", ", rank, state_name(own.state));
      if (own.state == State::kMeeting) text += fmt::format(" for {}", own.call.name());
    }
    return text;
  }

 private:
  enum class State : uint8_t { kWorking, kMeeting, kAwaitsPages, kParked, kEnded, kLost };
  static std::string_view state_name(State state) {
    constexpr std::string_view kNames[] = {"works", "waits", "awaits pages", "is parked", "has ended", "is lost"};
    return kNames[static_cast<size_t>(state)];
  }

  // The collective that a rank enters. It must be equal on all ranks.
  struct Call {
    uint64_t round = 0;
    int32_t op = 0;  // number within the round; 0: the headers
    int64_t num_rows = 0;

    std::string name() const {
      constexpr std::string_view kNames[] = {"the headers", "gather", "scatter"};
      return fmt::format("{} of round {} with {} rows", kNames[static_cast<size_t>(op)], round, num_rows);
    }
    bool operator==(const Call&) const = default;
  };
  static constexpr int32_t kNumOps = 3;

  struct Rank {
    State state = State::kWorking;
    uint64_t round = 0;
    StepHeader header;
    Call call;
    uint64_t parked_at = 0;
    bool may_begin = true;
    int64_t stall_us = 0;
    Fault fault = Fault::kNone;
    FakeModel model;
  };
  struct Group {
    Group(int32_t group, const SimulatedWorldOptions& options)
        : inbox(std::make_unique<SimulatedPublisherLink>(maps), group, options.maps, last_map(group, options)),
          publisher(options.scheduler) {}
    static uint64_t last_map(int32_t group, const SimulatedWorldOptions& options) {
      if (options.last_maps.empty()) return 0;
      return options.last_maps.at(static_cast<size_t>(group - options.first_group));
    }

    std::shared_ptr<std::deque<SharedBytes>> maps = std::make_shared<std::deque<SharedBytes>>();
    GroupInbox inbox;
    GroupPublisher publisher;
    std::array<std::shared_ptr<const StepPlan>, 2> plans;  // of even and of odd rounds, as in World
    uint64_t num_bogus_commands = 0;                       // made by a seeded bug
  };

  bool all_are(State state) const {
    return std::ranges::all_of(ranks_, [&](const Rank& rank) { return rank.state == state; });
  }
  size_t index_of(int32_t group) const { return static_cast<size_t>(group - options_.first_group); }
  Group& own(int32_t group) { return *groups_.at(index_of(group)); }
  int32_t group_of(size_t rank) const {
    return options_.first_group + static_cast<int32_t>(rank) / options_.ranks_per_group;
  }
  bool is_publisher(size_t rank) const { return static_cast<int32_t>(rank) % options_.ranks_per_group == 0; }

  void pause(VirtualTime::Event event) { time_.after(time_.pick(0, options_.max_pause_us), std::move(event)); }
  // A small step of one rank. Does nothing if the rank has ended meanwhile.
  void go_on(size_t rank, VirtualTime::Event event) {
    const int64_t stall_us = std::exchange(ranks_[rank].stall_us, 0);
    time_.after(time_.pick(0, options_.max_pause_us) + stall_us, [this, rank, event = std::move(event)] {
      if (ranks_[rank].state == State::kWorking) event();
    });
  }

  void begin_round(size_t rank) {
    Rank& own_rank = ranks_[rank];
    if (own_rank.state == State::kEnded || own_rank.state == State::kLost) return;
    own_rank.state = State::kWorking;
    ++own_rank.round;
    own_rank.header = {.round = own_rank.round};
    if (options_.bug == SeededBug::kCountIsReadLate) {
      auto commands = std::make_shared<Result<std::vector<GroupCommand>>>(take_inbox(rank));
      go_on(rank, [this, rank, commands] {
        read_count(rank);
        prepare(rank, std::move(*commands));
      });
    } else {
      read_count(rank);
      go_on(rank, [this, rank] { prepare(rank, take_inbox(rank)); });
    }
  }
  void read_count(size_t rank) {
    ranks_[rank].header.work_count = work_count_;
    ranks_[rank].header.must_stop = is_stopping_;
  }
  Result<std::vector<GroupCommand>> take_inbox(size_t rank) {
    if (!is_publisher(rank)) return std::vector<GroupCommand>();
    return own(group_of(rank)).inbox.take();
  }

  void prepare(size_t rank, Result<std::vector<GroupCommand>> taken) {
    Rank& own_rank = ranks_[rank];
    if (!taken.ok()) {
      fail(taken.error().message);
      own_rank.header.has_failed = true;
    } else if (is_publisher(rank)) {
      std::vector<GroupCommand> commands = std::move(taken).value();
      const int32_t group = group_of(rank);
      Group& at = own(group);
      for (const GroupCommand& command : commands) {
        events_.on_taken(group, command);
        for (const SchedulerRequest& request : command.add) options_.requests->add(request);
        for (const auto& [move, sequence] : command.arrive) {
          if (sequence.is_prefix()) options_.requests->add(sequence.request);
        }
      }
      if (options_.bug == SeededBug::kSourceGoesOn) keep_what_departs(at, commands);
      at.publisher.take(std::move(commands));
      std::shared_ptr<const StepPlan> plan = at.publisher.plan(own_rank.may_begin);
      state_prefills(rank);
      if (plan != nullptr) {
        own_rank.header.num_tokens = plan->num_tokens();
        own_rank.header.moves_pages = plan->moves_pages();
      } else if (auto outputs = at.publisher.report()) {
        tell(group, std::move(*outputs));
      }
      at.plans[own_rank.round % 2] = std::move(plan);
      events_.on_work_changed(group);
      const bool is_idle = own_rank.header.num_tokens == 0 && !own_rank.header.moves_pages;
      if (options_.bug == SeededBug::kIdleRanksStayAway && is_idle && own_rank.round > 1) {
        park(rank, own_rank.header.work_count);
        return;
      }
    }
    if (own_rank.fault == Fault::kIsLost) {
      own_rank.state = State::kLost;
      return;
    }
    if (own_rank.fault == Fault::kThrowsBeforeHeaders) {
      fail(fmt::format("rank {} threw", rank));
      own_rank.header.has_failed = true;
    }
    go_on(rank, [this, rank] { enter(rank, {.round = ranks_[rank].round}); });
  }

  // A rendezvous: all ranks leave when the last one has arrived.
  void enter(size_t rank, const Call& call) {
    ranks_[rank].state = State::kMeeting;
    ranks_[rank].call = call;
    if (++num_meeting_ < ranks_.size()) return;
    num_meeting_ = 0;
    for (size_t other = 0; other < ranks_.size(); ++other) {
      if (ranks_[other].call == ranks_[0].call) continue;
      events_.on_finding(SimulatedProperty::kSameCollectives, report());
      return;
    }
    std::vector<StepHeader> headers;
    if (call.op == 0) {
      for (const Rank& each : ranks_) headers.push_back(each.header);
    }
    for (size_t other = 0; other < ranks_.size(); ++other) {
      ranks_[other].state = State::kWorking;
      go_on(other, [this, other, headers] {
        if (headers.empty()) {
          after_op(other);
        } else {
          after_headers(other, headers);
        }
      });
    }
  }

  void after_headers(size_t rank, const std::vector<StepHeader>& headers) {
    ranks_[rank].may_begin = may_begin_prefills(headers, options_.prefill_alignment);
    const StepDecision decision = decide_step(headers);
    switch (decision.kind) {
      case StepDecision::Kind::kExecute: {
        int64_t num_rows = 0;
        for (const StepHeader& header : headers) num_rows += header.num_tokens;
        if (!follows_its_publisher(rank, headers)) {
          events_.on_finding(SimulatedProperty::kSameCollectives, fmt::format("rank {} follows another plan", rank));
        }
        ranks_[rank].call = {.round = ranks_[rank].round, .op = 0, .num_rows = num_rows};
        if (ranks_[rank].fault == Fault::kThrowsInStep) {
          fail(fmt::format("rank {} threw in a step", rank));
          end_all();
          return;
        }
        if (options_.bug != SeededBug::kPagesLeaveLate) give_pages(rank);
        take_pages(rank, 0);
        break;
      }
      case StepDecision::Kind::kPark:
        park(rank, decision.work_count);
        break;
      case StepDecision::Kind::kAgain:
        begin_round(rank);
        break;
      case StepDecision::Kind::kEnd:
        if (!decision.failed_ranks.empty()) fail(fmt::format("rank {} cannot go on", decision.failed_ranks.front()));
        ranks_[rank].state = State::kEnded;
        break;
    }
  }

  // Whether the rank's plan is the one that its publisher's header announced.
  bool follows_its_publisher(size_t rank, const std::vector<StepHeader>& headers) {
    const auto& plan = own(group_of(rank)).plans[ranks_[rank].round % 2];
    const size_t publisher = rank - rank % static_cast<size_t>(options_.ranks_per_group);
    return (plan == nullptr ? 0 : plan->num_tokens()) == headers[publisher].num_tokens;
  }

  void state_prefills(size_t rank) {
    const PrefillState& state = own(group_of(rank)).publisher.prefill_state();
    ranks_[rank].header.held_steps = state.held_steps;
    ranks_[rank].header.prefill_goes_on = state.goes_on;
    if (state.held_steps > options_.prefill_alignment) {
      events_.on_finding(SimulatedProperty::kNoGroupStarves,
                         fmt::format("group {} holds a request for {} steps", group_of(rank), state.held_steps));
    }
    if (options_.bug == SeededBug::kHoldsAreNotCounted) {
      ranks_[rank].header.held_steps = std::min(state.held_steps, 1);
    }
  }
  std::shared_ptr<const StepPlan> plan_of(size_t rank) { return own(group_of(rank)).plans[ranks_[rank].round % 2]; }
  SimulatedPageTransfer::PartKey part_of(const MovedPages& moved, size_t rank) const {
    return {moved.move.id, moved.piece, static_cast<int32_t>(rank) % options_.ranks_per_group};
  }
  void give_pages(size_t rank) {
    const auto plan = plan_of(rank);
    if (plan == nullptr) return;
    for (const MovedPages& moved : plan->leaving) {
      options_.page_transfer->give(part_of(moved, rank), moved.move.to_group, ranks_[rank].model.copy_out(moved.pages));
    }
  }
  // Takes the arriving pages from `index` on, then enters the step's collectives if any group has tokens.
  void take_pages(size_t rank, size_t index) {
    const auto plan = plan_of(rank);
    for (; plan != nullptr && index < plan->arriving.size(); ++index) {
      const MovedPages& moved = plan->arriving[index];
      const auto part = options_.page_transfer->take(part_of(moved, rank));
      if (!part) {
        ranks_[rank].state = State::kAwaitsPages;
        options_.page_transfer->when_given(part_of(moved, rank), [this, rank, index] {
          if (ranks_[rank].state != State::kAwaitsPages) return;
          ranks_[rank].state = State::kWorking;
          go_on(rank, [this, rank, index] { take_pages(rank, index); });
        });
        return;
      }
      ranks_[rank].model.copy_in(moved.pages, *part);
    }
    if (ranks_[rank].call.num_rows == 0) ranks_[rank].call.op = kNumOps - 1;
    after_op(rank);
  }
  void compute(size_t rank) {
    const auto plan = plan_of(rank);
    if (plan == nullptr) return;
    for (const SequencePlan& sequence : plan->sequences) {
      const std::string problem = ranks_[rank].model.attend(sequence, options_.requests->tokens_for(sequence));
      if (problem.empty()) continue;
      events_.on_finding(SimulatedProperty::kAnsweredOnce, fmt::format("rank {}: {}", rank, problem));
    }
  }

  void keep_what_departs(Group& at, std::vector<GroupCommand>& commands) {
    for (GroupCommand& command : commands) {
      for (const DepartOrder& order : command.depart) {
        if (!order.prefix.empty()) continue;
        command.add.push_back(options_.requests->at(order.request));
        ++at.num_bogus_commands;
      }
    }
  }
  void tell(int32_t group, GroupOutputs outputs) {
    outputs.load.num_commands -= own(group).num_bogus_commands;
    events_.on_outputs(group, std::move(outputs));
  }

  // Enters the step's next collective, or ends the step.
  void after_op(size_t rank) {
    Call next = ranks_[rank].call;
    if (++next.op < kNumOps) {
      go_on(rank, [this, rank, next] { enter(rank, next); });
    } else {
      go_on(rank, [this, rank] {
        compute(rank);
        if (options_.bug == SeededBug::kPagesLeaveLate) give_pages(rank);
        commit(rank);
        begin_round(rank);
      });
    }
  }

  void commit(size_t rank) {
    const int32_t group = group_of(rank);
    Group& at = own(group);
    const std::shared_ptr<const StepPlan> plan = at.plans[ranks_[rank].round % 2];
    if (!is_publisher(rank) || plan == nullptr) return;
    StepResult result{.step = plan->step};
    for (const SequencePlan& sequence : plan->sequences) {
      if (!sequence.has_result()) continue;
      result.sequences.push_back(ranks_[rank].model.result_of(sequence, options_.requests->tokens_for(sequence)));
    }
    tell(group, at.publisher.commit(result, 0.001));
    events_.on_work_changed(group);
  }

  void park(size_t rank, uint64_t work_count) {
    if (work_count_ != work_count) return begin_round(rank);
    ranks_[rank].state = State::kParked;
    ranks_[rank].parked_at = work_count;
  }
  void wake_all() {
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      if (ranks_[rank].state != State::kParked || ranks_[rank].parked_at == work_count_) continue;
      ranks_[rank].state = State::kWorking;
      go_on(rank, [this, rank] { begin_round(rank); });
    }
  }

  void fail(const std::string& reason) {
    if (std::exchange(has_failed_, true)) return;
    events_.on_failure(reason);
  }
  void end_all() {
    num_meeting_ = 0;
    for (Rank& rank : ranks_) {
      if (rank.state != State::kLost) rank.state = State::kEnded;
    }
  }

  VirtualTime& time_;
  const SimulatedWorldOptions options_;
  const SimulatedWorldEvents events_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Rank> ranks_;
  uint64_t work_count_ = 0;
  bool is_stopping_ = false;
  bool has_failed_ = false;
  size_t num_meeting_ = 0;  // ranks in the rendezvous
};

}  // namespace braid
