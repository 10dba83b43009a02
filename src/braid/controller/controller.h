// The controller decides which requests wait and which run in which group, and turns their tokens into text (stop
// strings, grammars). It is a state machine: submissions and the groups' outputs in, deltas and the groups' commands
// out. It knows no thread, no clock and no rank.
//
// All requests wait in one queue until a group has room. A world of groups may be lost: its requests go back to the
// queue, and go on in other groups or when it has started again. A group does not wait until the controller has read
// the tokens of its last step: what it still computes for a choice that has ended is dropped and not counted.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/controller/changed_groups.h"
#include "braid/controller/dispatch_policy.h"
#include "braid/controller/group_ledger.h"
#include "braid/controller/group_moves.h"
#include "braid/controller/mask_worker.h"
#include "braid/controller/prefix_view.h"
#include "braid/controller/prefixes_on_the_way.h"
#include "braid/controller/rebalance_policy.h"
#include "braid/controller/recent_work.h"
#include "braid/controller/request_queue.h"
#include "braid/controller/share_policy.h"
#include "braid/controller/step_log.h"
#include "braid/controller/submission.h"
#include "braid/controller/work_rates.h"
#include "braid/tokenizer/tokenizer.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"

namespace braid {

class Controller {
 public:
  // `groups`: the load of each group at the start. The tokenizer and the mask worker outlive it. `step_log`: null for
  // none. `method` is not kAuto. `rebalance`: if absent, no request changes its group. `sharing`: if absent, no group
  // copies a prefix from another.
  Controller(const Tokenizer& tokenizer, MaskWorker& masks, SchedulePolicy policy, LoadBalanceMethod method,
             std::vector<GroupLoad> groups, std::shared_ptr<Logger> step_log,
             std::optional<RebalanceOptions> rebalance = std::nullopt,
             std::optional<ShareOptions> sharing = std::nullopt);

  // The request is checked, its prompt is ids, its stop tokens are complete. If this throws while it prepares the
  // choices, nothing has changed.
  void open(const std::shared_ptr<Submission>& submission);
  // Ends a submission that was not opened.
  void refuse(const std::shared_ptr<Submission>& submission, FinishReason reason, const std::string& error);
  bool is_open(SubmissionId id) const { return submissions_.contains(id); }
  void abort(SubmissionId id);
  // Calls `done` with the number of tokens that all groups' prefix caches dropped.
  void flush(std::function<void(int64_t)> done);
  void take_outputs(int32_t group, GroupOutputs outputs, double now_s);
  // A paused group begins no step; its requests stay, and more may come. Groups that start again are paused too.
  void pause(bool is_paused);
  bool is_paused() const { return is_paused_; }
  bool has_seen_pause() const;  // all groups have: no step begins any more, or steps begin again

  // Where the groups are, by which copies between them take their time. Ascending ranks; none: as if in one process.
  void place_ranks(std::vector<RankStatus> ranks);

  // Binds waiting requests to groups with room, by what the groups have reported of their prefix caches.
  void dispatch(double now_s);
  // The same by another knowledge of them: as for RequestQueue::pop_admissible().
  void dispatch(double now_s, RequestQueue::Probe probe, std::span<const PrefixVersion> versions = {});
  // Moves running requests between groups whose loads have drifted apart. Call after dispatch(): waiting requests get
  // free room first.
  void rebalance();
  // The group's commands since the last call.
  std::vector<GroupCommand> take_commands(int32_t group) {
    return groups_.at(static_cast<size_t>(group)).take_commands();
  }
  // Among them are all groups that have commands. Ascending; each once until it gets new ones.
  std::vector<int32_t> take_addressed() { return addressed_.take(); }

  // The groups of a world are lost. Their requests go back to the queue and go on with the same tokens, in other groups
  // or, if they `may_return`, in these. Else those that only these may take end with an error, also if the groups were
  // lost before. What they still send is ignored. Returns the moves from them that had begun and not come to their end:
  // nobody will take their pages. `is_planned`: the world was ended on purpose, so no request may be to blame.
  std::vector<MoveId> lose_groups(int32_t first, int32_t num_groups, const std::string& reason, bool may_return,
                                  bool is_planned = false);
  // The lost group is back, without requests. `keeps_pages`: it has keys and values that it had before, so the requests
  // that it had go there if it has room.
  void restart_group(int32_t group, const GroupLoad& load, bool keeps_pages = false);
  // All requests and prefixes on their way between groups have at most so many tokens from now on, and at most those of
  // RebalanceOptions and ShareOptions.
  void limit_moving_tokens(int64_t max_tokens) { max_moving_tokens_ = max_tokens; }
  MoveId next_move() const { return next_move_; }  // the first one that has not been ordered
  bool has_work(int32_t group) const { return groups_.at(static_cast<size_t>(group)).has_work(); }

  // Ends everything that is open, without waiting for any group. If it throws, it has ended something, and can be
  // called again.
  void end_all(FinishReason reason, const std::string& error);

  // A submission whose callback threw gets no more deltas. The caller should abort it.
  struct BrokenCallback {
    SubmissionId id = 0;
    std::string what;
  };
  std::vector<BrokenCallback> take_broken_callbacks() { return std::exchange(broken_callbacks_, {}); }

  // Submissions finished since the last call: final delta delivered, no pages held.
  std::vector<SubmissionId> take_ended();
  bool has_open_choices() const { return !choices_.empty(); }

  int64_t num_queued() const { return queue_.size() + std::ssize(suspects_); }
  int64_t num_free_slots() const;  // choices that could be bound at once; 0 while others wait
  uint64_t num_output_tokens() const { return num_output_tokens_; }
  uint64_t num_resumed() const { return num_resumed_; }      // times that a request went on after a loss
  uint64_t num_set_aside() const { return num_set_aside_; }  // requests that ended because their groups were lost again
  int32_t num_groups() const { return static_cast<int32_t>(groups_.size()); }
  const PrefixView& prefixes() const { return prefixes_; }
  // Requests on their way to the group count as waiting there.
  GroupLoad load(int32_t group) const;
  const WorkRates& work_rates() const { return work_rates_; }
  const std::vector<GroupMoves>& moves() const { return num_moves_; }  // by group
  std::vector<MoveReport> take_moved() { return std::exchange(moved_, {}); }
  bool has_moves_under_way() const { return !moves_.empty(); }
  uint64_t num_too_long_to_move() const { return num_too_long_to_move_; }  // EngineStats

 private:
  struct Flush {
    std::function<void(int64_t)> done;
    int32_t num_groups_left = 0;
    int64_t num_tokens = 0;
  };

  // A request that is bound to a group and waits for a prefix from another. The group's room is reserved for it.
  struct Waiting {
    SchedulerRequest request;
    int64_t num_pages = 0;
    TokenLoad load;
  };
  // The prefix that is copied: the hash of its tokens (PrefixView::prefixes_of), and its length.
  struct CopiedPrefix {
    uint64_t hash = 0;
    int32_t num_pages = 0;  // of the widest KV group

    bool begins(std::span<const uint64_t> prefixes) const {
      return std::cmp_less_equal(num_pages, prefixes.size()) && prefixes[static_cast<size_t>(num_pages - 1)] == hash;
    }
  };

  // A request that was ordered to another group, until its group reports that it left or that it stayed. Or a prefix of
  // which a copy was ordered.
  struct MoveUnderWay {
    Move move;
    int64_t num_pages = 0;
    int64_t num_tokens = 0;
    std::shared_ptr<Submission> submission;  // null once end_all() has ended it
    bool is_target_lost = false;             // since it was ordered
    std::optional<CopiedPrefix> prefix = {};
    std::vector<Waiting> waiting = {};  // for the prefix: first the request for which it was ordered
    double ordered_s = 0;               // the prefix
  };

  // Of one prompt's beginning, on their way to one group: the longest of those that have not left their group, and of
  // those that have.
  struct PrefixCopies {
    int32_t num_ordered_pages = 0;
    RequestId ordered_for = 0;
    int32_t num_passed_pages = 0;

    int32_t num_pages() const { return std::max(num_ordered_pages, num_passed_pages); }
  };

  // A request that has left its group, and whose target has not seen it yet.
  struct PassedOn {
    int32_t to_group = 0;
    uint64_t command = 0;
    int64_t num_tokens = 0;
    std::optional<CopiedPrefix> prefix = {};  // then until all its pages have come
  };

  // To change it: a copy of its figures is kept for dispatch().
  GroupLedger& ledger(int32_t group) {
    addressed_.mark(group);
    unviewed_.mark(group);
    return groups_[static_cast<size_t>(group)];
  }
  void note_step(int32_t group, const GroupLoad& before, const std::optional<StepShape>& step);
  void view_groups();
  void view_work(size_t index);
  void view_time(const TokenLoad& request);
  static SchedulerRequest scheduler_request(const GenerationRequest& request, RequestId id, int32_t index);
  static Status go_on_behind(const std::vector<TokenId>& output, Choice& choice);
  void bind(RequestQueue::Binding bound, const TokenLoad& load, double now_s);
  std::span<const uint64_t> prefixes_of(const SchedulerRequest& request);
  void requeue(RequestId id);
  bool withdraw(RequestId id);
  void take_back(std::vector<RequestId> ids, const std::string& reason);
  void set_aside(RequestId id, const std::string& reason);
  void try_next_suspect();
  std::vector<MoveId> forget_moves_of_lost(int32_t group);
  void deliver(Submission& submission, const Delta& delta);
  void fetch_choices(std::span<const RequestOutcome> outcomes) const;
  void take_outcome(RequestOutcome outcome);
  static void advance_grammar(Choice& choice, RequestOutcome& outcome);
  void end_choice(RequestId id, Delta delta);
  bool holds_nothing(const Submission& submission) const;
  std::vector<GroupBalance> balances() const;
  std::vector<MovableRequest> movable_requests();
  int64_t num_moving_tokens() const;
  void order_move(const MovableRequest& request, int32_t to_group);
  void take_departure(MovingSequence moving, double now_s);
  void forget_move(RequestId request);
  CopyRate& copy_rate(int32_t from_group, int32_t to_group);
  std::vector<PrefixCopies> find_copies(std::span<const uint64_t> prefixes) const;
  bool awaits_prefix(const SchedulerRequest& request, int32_t group, std::span<const uint64_t> prefixes,
                     int32_t num_there, const PrefixCopies& copies, double now_s);
  void order_prefix(const SchedulerRequest& request, const Move& move, const CopiedPrefix& prefix, double now_s);
  void pass_prefix_on(MoveUnderWay copy, MovingSequence moving, double now_s);
  void start_waiting(MoveUnderWay copy);
  void drop_waiting(MoveUnderWay& copy);
  int64_t num_copies_under_way() const;

  const Tokenizer& tokenizer_;
  MaskWorker& masks_;
  RequestQueue queue_;
  const LoadBalanceMethod method_;
  int32_t last_group_ = -1;  // the group that got the last request
  RecentWork recent_work_;
  WorkRates work_rates_;
  uint64_t viewed_rates_ = 0;  // their version at the last view_groups()
  RecentWork recent_time_;     // without step_s, in units of the time that a usual group takes for a prompt's token
  RecentWork busy_time_;       // seconds of own work of the last steps
  PrefixView prefixes_;
  PrefixesOnTheWay prefixes_on_the_way_;
  std::vector<GroupLedger> groups_;
  ChangedGroups addressed_;       // since take_addressed()
  ChangedGroups unviewed_;        // since view_groups()
  std::vector<GroupView> views_;  // of every group, for dispatch(), like the next two
  std::vector<double> work_s_;    // without the request
  std::vector<Credits> credits_;
  std::vector<StepLog> step_logs_;                           // one for each group, or none
  std::vector<std::deque<std::shared_ptr<Flush>>> flushes_;  // by group, not yet answered
  std::unordered_map<RequestId, Choice> choices_;
  std::map<SubmissionId, std::shared_ptr<Submission>> submissions_;
  std::vector<std::shared_ptr<Submission>> ending_;  // without open choices, but still in some group
  std::vector<BrokenCallback> broken_callbacks_;     // since take_broken_callbacks()
  const std::optional<RebalanceOptions> rebalance_;
  const std::optional<ShareOptions> sharing_;
  int64_t max_moving_tokens_ = std::numeric_limits<int64_t>::max();
  std::vector<RankStatus> placed_ranks_;                // where the groups are
  std::array<CopyRate, kNumCopyWays> copy_rates_ = {};  // [CopyWay]
  PrefillRate prefill_rate_;
  bool is_unbalanced_ = false;
  std::map<RequestId, MoveUnderWay> moves_;
  std::vector<PassedOn> passed_on_;
  uint64_t num_too_long_to_move_ = 0;
  bool is_paused_ = false;
  std::vector<uint64_t> pause_commands_;  // by group: the last one
  std::vector<bool> keeps_pages_;         // by group: since its last restart
  std::vector<bool> is_to_flush_;         // by group: what it keeps, once it is back
  std::deque<RequestId> suspects_;        // lost twice without news, as were others: wait to be tried one by one
  std::optional<RequestId> suspect_;      // the one that is tried
  uint64_t num_resumed_ = 0;
  uint64_t num_set_aside_ = 0;
  std::vector<GroupMoves> num_moves_;
  std::vector<MoveReport> moved_;  // since take_moved()
  MoveId next_move_ = 1;
  RequestId next_request_ = 1;
  uint64_t num_output_tokens_ = 0;
  std::vector<uint64_t> group_output_tokens_;  // the same by group
};

}  // namespace braid
