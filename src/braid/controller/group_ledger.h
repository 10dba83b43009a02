// The controller's view of one group: the load it last reported, and what has been sent to it since. Tested by
// group_ledger_test.cc, controller_test.cc and controller_moves_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "braid/controller/token_load.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"

namespace braid {

class GroupLedger {
 public:
  // The most prompt tokens in one command, unless a single request has more.
  static constexpr int64_t kMaxCommandTokens = int64_t{1} << 22;

  explicit GroupLedger(GroupLoad load) : load_(std::move(load)) {}

  // `num_pages`: taken from the group's credits. `load`: added to the group's.
  void add(SchedulerRequest request, int64_t num_pages, const TokenLoad& load);
  // A sequence that may come from another group. Its room is reserved until it arrives or turns out not to come.
  // `num_tokens`: of its context.
  void expect(int64_t num_pages, int64_t num_tokens);
  void expect_no_more(int64_t num_pages, int64_t num_tokens);
  uint64_t arrive(MovingSequence moving, int64_t num_pages, const TokenLoad& load);  // returns the command's number
  // A sequence is ordered to leave; it has left, or could not. `num_tokens`: of its prompt and output when ordered.
  void depart(const DepartOrder& order, int64_t num_tokens);
  void leaves_no_more(int64_t num_tokens);
  void give_prefix(DepartOrder order);  // of its prefix cache, a copy
  // Each returns the command's number.
  uint64_t abort(RequestId request);
  uint64_t finish(RequestId request);
  uint64_t flush_cache();
  uint64_t pause(bool is_paused);
  void ask_for_prefixes();  // with the next outputs, all of them
  // All commands since the last call, in order: one, unless the cache is flushed twice or prompts are very long.
  std::vector<GroupCommand> take_commands() {
    open_tokens_ = 0;
    if (is_down()) outbox_.clear();
    return std::exchange(outbox_, {});
  }

  void take(GroupLoad load);
  uint64_t num_sent() const { return num_sent_; }           // commands, also those that wait for take_commands()
  uint64_t num_seen() const { return load_.num_commands; }  // of these
  bool has_seen(uint64_t command) const { return is_down() || load_.num_commands >= command; }
  // It has requests, or commands that it has not seen.
  bool has_work() const {
    return load_.scheduler.num_running + load_.scheduler.num_waiting > 0 || !has_seen(num_sent_);
  }

  // The group is down: it can take nothing and has nothing, and nobody waits until it has seen a command. With
  // `may_return` it may start again later, empty; without, it is gone for good.
  void lose(bool may_return);
  void restart(GroupLoad load);
  bool is_down() const { return state_ != State::kRuns; }
  bool is_gone() const { return state_ == State::kGone; }

  // What the group can still take, with everything on its way to it subtracted.
  Credits credits() const;
  const GroupLoad& load() const { return load_; }
  int64_t num_on_the_way() const { return static_cast<int64_t>(on_the_way_.size()); }
  // Requests, and prompt tokens to be computed plus context tokens. Both count what is on its way to the group, and not
  // what is about to leave it.
  int64_t num_requests() const;
  TokenLoad tokens() const;
  int64_t num_tokens() const { return tokens().num_tokens(); }

 private:
  struct Added {
    uint64_t command = 0;
    int64_t num_pages = 0;
    TokenLoad tokens;
  };

  enum class State : uint8_t { kRuns, kDown, kGone };

  GroupCommand& open_command();

  GroupLoad load_;
  GroupLoad earlier_;  // what it had counted when it was last lost
  uint64_t num_sent_ = 0;
  std::vector<GroupCommand> outbox_;
  int64_t open_tokens_ = 0;       // of the prompts in the last of these
  std::deque<Added> on_the_way_;  // not yet in load_
  Added expected_;                // the sum of all expected sequences
  int32_t num_expected_ = 0;
  int32_t num_leaving_ = 0;
  int64_t leaving_tokens_ = 0;
  State state_ = State::kRuns;
};

}  // namespace braid
