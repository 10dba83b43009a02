// What the controller knows of one group: how it said that it stands, and what is on its way to it since.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"

namespace braid {

class GroupLedger {
 public:
  // Prompt tokens of one command, unless one request alone has more.
  static constexpr int64_t kMaxCommandTokens = int64_t{1} << 22;

  explicit GroupLedger(GroupLoad load) : load_(std::move(load)) {}

  // `num_pages`: what the request takes from the group's credits. `num_tokens`: what it adds to the group's load.
  void add(SchedulerRequest request, int64_t num_pages, int64_t num_tokens);
  // A sequence that may come from another group: its room is kept until it is given to the group, or does not come.
  void expect(int64_t num_pages, int64_t num_tokens);
  void expect_no_more(int64_t num_pages, int64_t num_tokens);
  void arrive(MovingSequence moving, int64_t num_pages, int64_t num_tokens);
  // It is to leave; and it has left, or cannot.
  uint64_t depart(const DepartOrder& order);
  void leaves_no_more() { --num_leaving_; }
  // Each gives the command's number.
  uint64_t abort(RequestId request);
  uint64_t finish(RequestId request);
  uint64_t flush_cache();
  // All commands since the last call, in their order: one, but where the cache is to be flushed twice or prompts are
  // very long.
  std::vector<GroupCommand> take_commands() {
    open_tokens_ = 0;
    return std::exchange(outbox_, {});
  }

  void take(GroupLoad load);
  bool has_seen(uint64_t command) const { return load_.num_commands >= command; }

  // What the group can take, beside what is on its way.
  Credits credits() const;
  const GroupLoad& load() const { return load_; }
  int64_t num_on_the_way() const { return static_cast<int64_t>(on_the_way_.size()); }
  // Requests, and tokens of prompts to be computed and of what runs; with what is on its way to it, and without what is
  // to leave.
  int64_t num_requests() const;
  int64_t num_tokens() const;

 private:
  struct Added {
    uint64_t command = 0;
    int64_t num_pages = 0;
    int64_t num_tokens = 0;
  };

  GroupCommand& open_command();

  GroupLoad load_;
  uint64_t num_sent_ = 0;
  std::vector<GroupCommand> outbox_;
  int64_t open_tokens_ = 0;       // of the prompts in the last of these
  std::deque<Added> on_the_way_;  // that load_ does not know of
  Added expected_;                // all together
  int32_t num_expected_ = 0;
  int32_t num_leaving_ = 0;
};

}  // namespace braid
