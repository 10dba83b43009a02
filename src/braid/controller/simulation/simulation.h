// For tests: one history of controller, publishers, ranks, links and clients under virtual time. The seed determines
// the history: its scenario, every delay and every fault.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/controller/simulation/findings.h"
#include "braid/controller/simulation/simulated_clients.h"
#include "braid/controller/simulation/simulated_controller.h"
#include "braid/controller/simulation/simulated_link.h"
#include "braid/controller/simulation/simulated_scenario.h"
#include "braid/controller/simulation/simulated_world.h"
#include "braid/controller/simulation/starvation_watch.h"
#include "braid/controller/simulation/virtual_time.h"
#include "braid/wire/group_outputs_codec.h"

namespace braid {

struct SimulationOptions {
  uint64_t seed = 1;
  SeededBug bug = SeededBug::kNone;
  std::function<void(const std::string& line)> trace = {};  // called for everything that happens
};

struct SimulationReport {
  std::optional<SimulatedFinding> finding;  // the first one
  std::string scenario;
  bool has_failed = false;  // a fault made a world fail
  bool goes_on = false;     // and others were left
  int64_t num_restarts = 0;
  int64_t num_events = 0;
  int64_t num_tokens = 0;
  int64_t num_moves = 0;
  int64_t num_recomputed = 0;  // moves without pages
  int64_t num_copies = 0;      // of prefixes
};

class Simulation {
 public:
  Simulation(const Tokenizer& tokenizer, SimulationOptions options)
      : options_(std::move(options)),
        time_(options_.seed),
        scenario_(ScenarioDraw(time_, options_.bug).draw()),
        clients_(
            tokenizer, time_, [this](SimulatedProperty property, std::string what) { find(property, std::move(what)); },
            [this](uint64_t seed) { watch_.remove(seed); }),
        watch_(scenario_.num_groups(), scenario_.starvation_bound_us()),
        link_(time_, scenario_.num_groups(), scenario_.max_delay_us,
              [this](int32_t group, SharedBytes map) { world_of(group).deliver(group, std::move(map)); }),
        output_wires_(static_cast<size_t>(scenario_.num_groups()), SimulatedWire(time_, scenario_.max_delay_us)),
        starts_(static_cast<size_t>(scenario_.num_worlds), 0),
        num_failures_(starts_),
        controller_(
            tokenizer, time_, controller_options(), initial_loads(), link_,
            [this](uint64_t seed, int32_t group) { watch_.bind(seed, group); },
            [this](int32_t group, const std::vector<MoveId>& begun, MoveId next_move) {
              page_transfer_.lose(group, begun, next_move);
            },
            [this](int32_t world, const std::vector<uint64_t>& last_maps) { restart(world, last_maps); }),
        page_transfer_(options_.bug == SeededBug::kPagesAreMixedUp) {
    for (int32_t world = 0; world < scenario_.num_worlds; ++world) worlds_.push_back(make_world(world, {}));
    plan_clients();
    plan_faults();
  }

  SimulationReport run() {
    run_until_quiet();
    if (!finding_) check_after_quiet();
    if (!finding_) {
      is_ending_ = true;
      for (const auto& world : worlds_) world->stop();
      run_until_quiet();
    }
    for (const auto& world : worlds_) {
      if (!finding_ && !world->has_ended()) find(SimulatedProperty::kNothingWaits, "does not stop: " + world->report());
    }
    return {.finding = finding_,
            .scenario = scenario_.text(),
            .has_failed = has_failed_,
            .goes_on = has_failed_ && num_lost_worlds_ < scenario_.num_worlds,
            .num_restarts = controller_.num_restarts(),
            .num_events = time_.num_events(),
            .num_tokens = clients_.num_tokens(),
            .num_moves = std::ranges::count(controller_.moves(), false, &MoveReport::is_prefix),
            .num_recomputed = std::ranges::count(controller_.moves(), 0, &MoveReport::num_pages),
            .num_copies = std::ranges::count(controller_.moves(), true, &MoveReport::is_prefix)};
  }

 private:
  static constexpr int32_t kVocabSize = 128;
  OutputsLimits outputs_limits() const {
    return {.num_groups = scenario_.num_groups(),
            .max_outcomes = 64,
            .max_prefixes = 4096,
            .max_moves = 2 * SimulatedScenario::kMaxMoves,
            .context_len = scenario_.scheduler.context_len,
            .vocab_size = kVocabSize};
  }
  SimulatedController::Options controller_options() const { return scenario_.controller; }
  std::vector<GroupLoad> initial_loads() const {
    return std::vector<GroupLoad>(static_cast<size_t>(scenario_.num_groups()),
                                  GroupPublisher(scenario_.scheduler).load());
  }

  std::unique_ptr<SimulatedWorld> make_world(int32_t world, const std::vector<uint64_t>& last_maps) {
    SimulatedWorldEvents events{
        .on_outputs = [this, start = starts_[static_cast<size_t>(world)]](
                          int32_t group, GroupOutputs outputs) { send_outputs(group, std::move(outputs), start); },
        .on_work_changed =
            [this](int32_t group) {
              watch_.set_idle(group, world_of(group).is_idle(group));
              watch_.update(time_.now_us());
            },
        .on_taken =
            [this](int32_t group, const GroupCommand& command) {
              trace([&] {
                return fmt::format("group {} takes {} requests of {} things", group, command.add.size(),
                                   command.size());
              });
              for (const SchedulerRequest& request : command.add) watch_.remove(request.sampling.seed);
              for (const auto& [move, sequence] : command.arrive) watch_.remove(sequence.request.sampling.seed);
            },
        .on_failure = [this, world](const std::string& reason) { world_failed(world, reason); },
        .on_finding = [this](SimulatedProperty property, std::string what) { find(property, std::move(what)); }};
    return std::make_unique<SimulatedWorld>(
        time_,
        SimulatedWorldOptions{.first_group = world * scenario_.groups_per_world,
                              .last_maps = last_maps,
                              .maps = assignment_limits(scenario_.scheduler, scenario_.num_groups(), kVocabSize),
                              .num_groups = scenario_.groups_per_world,
                              .ranks_per_group = scenario_.ranks_per_group,
                              .scheduler = scenario_.scheduler,
                              .prefill_alignment = scenario_.prefill_alignment,
                              .max_pause_us = scenario_.max_pause_us,
                              .timeout_us = kTimeoutUs,
                              .requests = &requests_,
                              .page_transfer = &page_transfer_,
                              .bug = options_.bug},
        std::move(events));
  }
  SimulatedWorld& world_of(int32_t group) {
    return *worlds_.at(static_cast<size_t>(group / scenario_.groups_per_world));
  }

  void plan_clients() {
    for (int64_t i = 0; i < scenario_.num_requests; ++i) {
      time_.at(time_.pick(0, scenario_.duration_us), [this] { submit(); });
    }
    if (time_.one_in(4)) {
      ++num_flushes_;
      time_.at(time_.pick(0, scenario_.duration_us), [this] {
        controller_.post([this](Controller& controller) { controller.flush([this](int64_t) { --num_flushes_; }); });
      });
    }
  }
  void submit() {
    const SchedulerConfig& scheduler = scenario_.scheduler;
    const auto submission =
        clients_.next_request(scenario_.num_groups(), scheduler.context_len / 2, scheduler.context_len / 2,
                              scenario_.controller.rebalance.has_value());
    submission->submitted_s = static_cast<double>(time_.now_us()) * 1e-6;
    trace([&] { return fmt::format("request {} comes", submission->id); });
    const GenerationRequest& request = submission->request;
    for (int32_t index = 0; index < request.n; ++index) {
      watch_.add(choice_seed(request.sampling.seed, index), request.dp_rank_strict ? request.dp_rank : std::nullopt);
    }
    controller_.post([submission](Controller& controller) { controller.open(submission); }, true);
    if (!time_.one_in(6)) return;
    time_.after(time_.pick(0, scenario_.duration_us), [this, id = submission->id] {
      trace([&] { return fmt::format("the client of request {} leaves", id); });
      clients_.leave(id);
      controller_.post([id](Controller& controller) { controller.abort(id); });
    });
  }

  void plan_faults() {
    if (scenario_.fault == SimulatedFault::kNone) return;
    time_.at(scenario_.fault_at_us, [this] { happen(scenario_.fault); });
    if (!scenario_.second_fault_at_us) return;
    time_.at(*scenario_.second_fault_at_us, [this] {
      clients_.expect_set_aside();
      happen(scenario_.fault);
    });
  }

  void happen(SimulatedFault fault) {
    SimulatedWorld& world = *worlds_[static_cast<size_t>(time_.pick(0, scenario_.num_worlds - 1))];
    const auto rank = static_cast<size_t>(time_.pick(0, static_cast<int64_t>(world.num_ranks()) - 1));
    trace([&] { return fmt::format("fault {} of rank {}", static_cast<int>(fault), rank); });
    switch (fault) {
      case SimulatedFault::kNone:
        break;
      case SimulatedFault::kStalledRank:
        world.stall(rank, scenario_.stall_us);
        break;
      case SimulatedFault::kStalledController:
        controller_.stall(scenario_.stall_us);
        break;
      case SimulatedFault::kThrowingHeader:
        world.break_rank(rank, SimulatedWorld::Fault::kThrowsBeforeHeaders);
        break;
      case SimulatedFault::kThrowingStep:
        world.break_rank(rank, SimulatedWorld::Fault::kThrowsInStep);
        break;
      case SimulatedFault::kLostRank:
        world.break_rank(rank, SimulatedWorld::Fault::kIsLost);
        break;
      case SimulatedFault::kDamagedMap:
        damage_a_map(SimulatedLink::Damage::kCutShort);
        break;
      case SimulatedFault::kMapTwice:
        damage_a_map(SimulatedLink::Damage::kArrivesTwice);
        break;
    }
    if (fault > SimulatedFault::kStalledController) watch_.give_up();
  }

  void damage_a_map(SimulatedLink::Damage damage) {
    link_.damage_next(static_cast<int32_t>(time_.pick(0, scenario_.num_groups() - 1)), damage);
  }

  // Sends outputs as bytes to the controller's inbox.
  void send_outputs(int32_t group, GroupOutputs outputs, int32_t start) {
    outputs.group = group;
    if (options_.bug == SeededBug::kCreditsLeak && time_.one_in(4)) ++num_leaked_;
    outputs.load.credits.num_requests = std::max<int32_t>(0, outputs.load.credits.num_requests - num_leaked_);
    if (options_.bug == SeededBug::kOutputsAreLost && time_.one_in(10)) return;
    const int num_copies = options_.bug == SeededBug::kOutputsArriveTwice && time_.one_in(10) ? 2 : 1;
    for (int copy = 0; copy < num_copies; ++copy) {
      if (copy > 0) {  // the controller would notice these, and end
        outputs.flushed_tokens.clear();
        outputs.departed.clear();
      }
      output_wires_[static_cast<size_t>(group)].send([this, group, start, bytes = encode(outputs)] {
        if (start != starts_[static_cast<size_t>(group / scenario_.groups_per_world)]) return;  // of a lost world
        auto decoded = decode_group_outputs(bytes.span(), outputs_limits());
        if (!decoded.ok()) return find(SimulatedProperty::kAnsweredOnce, "refused: " + decoded.error().message);
        trace(
            [&] { return fmt::format("the controller gets outputs {} of group {}", decoded.value().sequence, group); });
        controller_.post([this, group, outputs = std::move(decoded).value()](Controller& controller) {
          controller.take_outputs(group, outputs, static_cast<double>(time_.now_us()) * 1e-6);
        });
      });
    }
  }

  // What controller/progress_watch.h does: a world that has work and does not get on has failed.
  bool notice_stuck(int32_t world) {
    const int32_t first_group = world * scenario_.groups_per_world;
    if (!controller_.controller().has_work(first_group)) return false;
    if (!worlds_[static_cast<size_t>(world)]->give_up_if_lost_alone()) return false;
    time_.pass(kTimeoutUs);
    world_failed(world, "it does not get on");
    return true;
  }

  void world_failed(int32_t world, const std::string& reason) {
    if (is_ending_) return;
    trace([&] { return fmt::format("world {} has failed: {}", world, reason); });
    has_failed_ = true;
    const bool is_lost = ++num_failures_[static_cast<size_t>(world)] > scenario_.controller.max_restarts ||
                         scenario_.fault == SimulatedFault::kLostRank;
    if (is_lost) clients_.expect_errors(++num_lost_worlds_ < scenario_.num_worlds);
    if (scenario_.fault <= SimulatedFault::kStalledController) {
      find(SimulatedProperty::kNothingWaits, "a world failed by itself: " + reason);
    }
    time_.after(time_.pick(0, scenario_.max_delay_us),
                [this, world, reason] { controller_.lose_world(world, reason); });
  }

  // Builds a lost world again, unless one of its ranks has not come back.
  void restart(int32_t world, const std::vector<uint64_t>& last_maps) {
    std::unique_ptr<SimulatedWorld>& own = worlds_[static_cast<size_t>(world)];
    const bool has_ended = own->end();
    trace([&] { return fmt::format("world {} {}", world, has_ended ? "starts again" : "is stuck"); });
    if (has_ended) {
      ++starts_[static_cast<size_t>(world)];
      ended_worlds_.push_back(std::move(own));
      own = make_world(world, last_maps);
    }
    time_.after(time_.pick(0, scenario_.max_delay_us), [this, world, has_ended] {
      if (has_ended) {
        if (options_.bug != SeededBug::kRestartIsNotTold) controller_.started(world);
      } else {
        controller_.stuck(world);
      }
    });
  }

  void run_until_quiet() {
    while (!finding_) {
      watch_.update(time_.now_us());
      const auto next_us = time_.next_us();
      if (next_us) {
        if (const auto group = watch_.overdue(*next_us)) {
          find(SimulatedProperty::kNoGroupStarves,
               fmt::format("group {} is idle for more than {} us", *group, watch_.bound_us()));
          return;
        }
      }
      if (time_.num_events() > kMaxEvents) find(SimulatedProperty::kNothingWaits, "it goes on without end");
      if (time_.step()) continue;
      bool has_news = false;
      for (int32_t world = 0; world < scenario_.num_worlds && !has_news; ++world) {
        has_news = worlds_[static_cast<size_t>(world)]->time_out() || notice_stuck(world);
      }
      if (!has_news) return;
    }
  }

  void check_after_quiet() {
    for (const std::string& open : clients_.open_choices()) find(SimulatedProperty::kNothingWaits, open);
    for (const auto& world : worlds_) {
      if (!world->has_failed() && !world->is_parked() && scenario_.fault != SimulatedFault::kLostRank) {
        find(SimulatedProperty::kNothingWaits, world->report());
      }
    }
    if (num_lost_worlds_ < scenario_.num_worlds &&
        (controller_.controller().has_moves_under_way() || page_transfer_.num_parts() != 0)) {
      find(SimulatedProperty::kAllComesBack,
           fmt::format("{} parts of moves are left over", page_transfer_.num_parts()));
    }
    if (num_flushes_ != 0) find(SimulatedProperty::kNothingWaits, "a flush of the caches is not answered");
    if (controller_.closed().size() != clients_.num_requests()) {
      find(SimulatedProperty::kAllComesBack, fmt::format("{} of {} requests hold nothing any more",
                                                         controller_.closed().size(), clients_.num_requests()));
    }
    for (int32_t group = 0; group < scenario_.num_groups(); ++group) check_group(group);
  }
  void check_group(int32_t group) {
    const bool is_alive = !world_of(group).has_failed() && scenario_.fault != SimulatedFault::kLostRank;
    if (!is_alive) return;
    const GroupLoad actual = world_of(group).publisher(group).load();
    const SchedulerStats& stats = actual.scheduler;
    if (stats.num_running + stats.num_waiting != 0 ||
        stats.num_free_pages + stats.num_cached_pages != stats.num_pages) {
      find(SimulatedProperty::kAllComesBack,
           fmt::format("group {}: {} run, {} wait, {} of {} pages are free", group, stats.num_running,
                       stats.num_waiting, stats.num_free_pages + stats.num_cached_pages, stats.num_pages));
    }
    const GroupLoad known = controller_.controller().load(group);
    const uint64_t num_commands = known.num_commands - controller_.commands_before(group);
    if (known.credits != actual.credits || num_commands != actual.num_commands) {
      find(SimulatedProperty::kAllComesBack, fmt::format("group {} has {} credits, the controller knows of {}", group,
                                                         actual.credits.num_requests, known.credits.num_requests));
    }
    check_prefixes(group);
  }

  void check_prefixes(int32_t group) {
    // Behind a window of one position nothing is read, so a prefix is available that has no page, and no hash.
    if (scenario_.scheduler.window == 1) return;
    const PrefixView& view = controller_.controller().prefixes();
    for (const auto& [id, request] : requests_.all()) {
      std::vector<PrefixProbe> known(static_cast<size_t>(scenario_.num_groups()));
      view.probe(view.prefixes_of(request.prompt), known);
      const PrefixProbe& own = known[static_cast<size_t>(group)];
      const PrefixProbe actual = world_of(group).publisher(group).probe(request.prompt);
      if (own.num_cached_pages == actual.num_cached_pages && own.num_held_pages == actual.num_held_pages) continue;
      find(SimulatedProperty::kPrefixesAreKnown,
           fmt::format("group {} has {} pages of request {}, the controller knows of {}", group,
                       actual.num_cached_pages, id, own.num_cached_pages));
    }
  }

  void find(SimulatedProperty property, std::string what) {
    if (finding_) return;
    finding_ = {.property = property, .time_us = time_.now_us(), .what = std::move(what)};
    trace([&] { return fmt::format("FOUND: {}: {}", simulated_property_name(property), finding_->what); });
  }
  template <typename MakeLine>
  void trace(MakeLine make_line) const {
    if (options_.trace) options_.trace(fmt::format("{:>8} us  {}", time_.now_us(), make_line()));
  }

  static constexpr int64_t kTimeoutUs = 30'000'000;
  static constexpr int64_t kMaxEvents = 500'000;

  const SimulationOptions options_;
  VirtualTime time_;
  const SimulatedScenario scenario_;
  SimulatedClients clients_;
  StarvationWatch watch_;
  SimulatedLink link_;
  std::vector<SimulatedWire> output_wires_;
  std::vector<int32_t> starts_;        // of each world
  std::vector<int32_t> num_failures_;  // the same
  std::vector<std::unique_ptr<SimulatedWorld>> worlds_;
  std::vector<std::unique_ptr<SimulatedWorld>> ended_worlds_;  // events may still be on their way to them
  SimulatedController controller_;
  FakeRequests requests_;
  SimulatedPageTransfer page_transfer_;
  std::optional<SimulatedFinding> finding_;
  bool has_failed_ = false;
  bool is_ending_ = false;
  int32_t num_lost_worlds_ = 0;  // for good
  int32_t num_flushes_ = 0;
  int32_t num_leaked_ = 0;
};

}  // namespace braid
