// The publisher of one DP group: takes the controller's commands, decides the group's steps, and reports their results.
// A state machine round the group's Scheduler: no thread, no clock, no tensor.
//
// A sequence that is ordered to another group leaves with the next plans, piece by piece (move_pieces.h), and the
// outputs after the step with its last piece report it, once that piece has left the process. A sequence that arrives
// gets its pages when the next plan is made, and is computed from the plan with its last piece on. If it is aborted
// before, its pieces are dropped. Pieces take their turn in order of the commands, as many in a plan as move_room.h
// allows.
//
//   publisher.take(commands); auto plan = publisher.plan();
//   If plan is null, send report(); else run it and send commit(result, seconds).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/kv/kept_pages.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"
#include "braid/worker/image_desk.h"
#include "braid/worker/move_pieces.h"
#include "braid/worker/move_room.h"

namespace braid {

class GroupPublisher {
 public:
  // Whether pages of this move are still on their way out of the process. May be empty: none ever is.
  using IsGiving = std::function<bool(MoveId move)>;

  // `images`: null if the model takes none; else it outlives the publisher, as does what `kept` points to.
  explicit GroupPublisher(const SchedulerConfig& config, IsGiving is_giving = {}, ImageDesk* images = nullptr,
                          const KeptOfGroup& kept = {})
      : scheduler_(config),
        max_step_pages_(config.max_moved_pages),
        piece_pages_(std::min(config.moved_piece_pages, config.max_moved_pages)),
        move_room_({.max_pages = config.max_moved_pages, .piece_pages = piece_pages_}),
        is_giving_(std::move(is_giving)),
        images_(images),
        kept_records_(kept.records) {
    scheduler_.adopt(kept.found);
  }

  // Carries out the commands in order. Not while a step is under way.
  void take(std::vector<GroupCommand> commands);

  // The group's next step, which its subscribers follow; null if there is nothing to do. `may_begin_prefills`: as in
  // Scheduler::plan().
  std::shared_ptr<const StepPlan> plan(bool may_begin_prefills = true);
  const PrefillState& prefill_state() const { return scheduler_.prefill_state(); }
  // Whether sequences leave or arrive whose pages have not all done so: then the world must not rest.
  bool has_moves() const { return !leaving_.empty() || !departing_.empty() || !arrivals_.empty(); }
  // Whether requests wait for images that are being made.
  bool awaits_images() const { return !awaiting_images_.empty(); }
  // Call before commit() for every step of the world, also if this group is idle. `longest_tokens`: of the group with
  // the most tokens.
  void count_step(int64_t longest_tokens, const ExchangeCounts& exchange = {}) {
    move_room_.see_step(longest_tokens);
    num_longest_tokens_ += static_cast<uint64_t>(longest_tokens);
    exchange_ += exchange;
  }
  // Takes the plan's result and returns the outputs. `step_s`: the step's duration, for statistics and the next room of
  // pages that move.
  GroupOutputs commit(const StepResult& result, double step_s);
  // The outputs of commands that no step follows; nothing if there is no news since the last outputs.
  std::optional<GroupOutputs> report();

  PrefixProbe probe(std::span<const TokenId> prompt) const { return scheduler_.probe(prompt); }
  GroupLoad load() const;

 private:
  struct Leaving {
    MovedSequence sequence;
    MovePieces pieces;
  };
  struct Arriving {
    MovingSequence moving;
    bool is_dropped = false;                // it was aborted before the scheduler had it
    std::optional<MovePieces> pieces = {};  // once the scheduler has it
  };

  void carry_out(GroupCommand command);
  void add(SchedulerRequest request);
  void want_images(const SchedulerRequest& request);
  void look_for_images();
  void end_with_error(RequestId request, const std::string& error);
  void release_images(RequestId request);
  void drop(RequestId request);
  void depart(const DepartOrder& order);
  void flush_cache();
  void admit_arrivals();
  // Pages that the next plan may still copy.
  struct Room {
    int64_t of_moves = 0;
    int64_t of_all = 0;

    // A prefix is copied in place of computing it, which would slow steps more. So its pages take all that fits.
    bool take(int32_t num_pages, bool is_prefix) {
      if (num_pages > of_all || (!is_prefix && num_pages > of_moves)) return false;
      of_moves -= num_pages;
      of_all -= num_pages;
      return true;
    }
  };
  void copy_pieces_out(StepPlan& plan, Room& room);
  void copy_pieces_in(StepPlan& plan, Room& room);
  void report_departures();
  GroupOutputs take_outputs();
  void check_if_idle() const;

  Scheduler scheduler_;
  const int32_t max_step_pages_;
  const int32_t piece_pages_;
  MoveRoom move_room_;
  const IsGiving is_giving_;
  ImageDesk* const images_;
  KeptPages* const kept_records_;
  std::vector<RequestId> awaiting_images_;  // in the scheduler
  std::set<RequestId> with_images_;         // here; their images are in use
  std::deque<Leaving> leaving_;             // not all of their pieces have been copied out
  std::deque<MovingSequence> departing_;    // all have, and may be on their way out of the process
  std::deque<Arriving> arrivals_;           // not all of their pieces have come
  std::shared_ptr<const StepPlan> plan_;    // under way
  bool is_scheduled_ = false;               // plan_ has sequences, not only moves
  GroupOutputs next_;                       // collects the next outputs
  bool is_paused_ = false;                  // only pages that move are planned: another group may wait for them
  bool has_news_ = false;                   // commands were taken since the last outputs
  uint64_t num_commands_ = 0;
  uint64_t num_outputs_ = 0;
  uint64_t num_steps_ = 0;
  double step_seconds_ = 0;
  double own_seconds_ = 0;
  uint64_t num_step_tokens_ = 0;
  uint64_t num_longest_tokens_ = 0;
  ExchangeCounts exchange_;
};

}  // namespace braid
