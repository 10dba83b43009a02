// How the ranks of a world agree on each round: every rank states what it has in one header of fixed size, all see all
// headers, and everyone derives the same decision from them alone. Nobody decides by what only it has seen.
//
// Parking. Work is counted: who brings some puts it where a publisher finds it, then moves the world's count on, then
// wakes everybody. A rank reads the count before it looks for work, and states both. If all are idle and all have read
// the same count, all park until it is another; else some have missed what others know of, and all go round again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/wire/step_plan.h"

namespace braid {

struct StepHeader {
  uint64_t round = 0;          // counts the exchanges; must be equal
  uint64_t work_count = 0;     // read before looking for work
  int64_t num_tokens = 0;      // of the step that this rank, a publisher, has planned; 0: its group is idle
  int64_t num_logit_rows = 0;  // of those tokens: whose logits it needs
  int32_t held_steps = 0;      // PrefillState, of the plan
  bool prefill_goes_on = false;
  bool moves_pages = false;  // so has it pages that leave or arrive, perhaps without any token
  bool must_stop = false;    // the world is to end
  bool has_failed = false;   // so is it: this rank cannot go on

  bool operator==(const StepHeader&) const = default;
};

struct StepDecision {
  enum class Kind : uint8_t {
    kExecute,  // all execute, those whose group is idle a batch of no tokens
    kPark,     // all wait until the work count is not `work_count`
    kAgain,    // all exchange again at once
    kEnd,      // all leave
  };
  Kind kind = Kind::kAgain;
  uint64_t work_count = 0;
  std::vector<int32_t> failed_ranks = {};  // why it ends; none: it was stopped

  bool operator==(const StepDecision&) const = default;
};

// Tokens whose logits the step needs, to sample or to score.
int64_t num_logit_rows(const StepPlan& plan);

// Prefill alignment: a step lasts as long as its slowest group's, so one group's prefill is waited for by all, and two
// groups' in one step cost little more than one's. A group that has anything else to do therefore holds its next
// prefill back, until every busy group has one, or another's goes on anyway, or some request has been held for
// `max_held_steps`: then all may begin in their next step. A group that is alone in having work never holds. By rank.
bool may_begin_prefills(std::span<const StepHeader> headers, int32_t max_held_steps);

// By rank. Headers of different rounds end the world: their ranks are all in `failed_ranks`.
StepDecision decide_step(std::span<const StepHeader> headers);

}  // namespace braid
