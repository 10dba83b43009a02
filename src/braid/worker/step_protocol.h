// How the ranks of a world agree on each round. Every rank sends one header of fixed size, all ranks see all headers,
// and each derives the same decision from the headers alone. No rank decides by what only it has seen.
//
// Parking. New work is put where a publisher finds it; then the world's work count is raised; then all ranks are woken.
// A rank reads the count before it looks for work, and sends both in its header. If all ranks are idle and read the
// same count, all park until the count changes. Otherwise some rank missed work that another has seen, and all go round
// again. Each process of a world counts for itself; all are sent the same messages, so their counts become the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/wire/step_plan.h"
#include "braid/worker/image_report.h"

namespace braid {

struct StepHeader {
  uint64_t round = 0;          // counts the exchanges; must be equal
  uint64_t work_count = 0;     // read before looking for work
  int64_t num_tokens = 0;      // planned by this rank, a publisher; 0: its group is idle
  int64_t num_logit_rows = 0;  // tokens of these whose logits the step needs
  int64_t plan_bytes = 0;      // of the plan as it travels to ranks of other processes; 0: it does not
  int64_t image_bytes = 0;     // of a message about images to the other processes of the group; 0: there is none
  ImageReport images = {};     // of the group's first rank in a process without its publisher
  int32_t held_steps = 0;      // PrefillState, of the plan
  uint32_t halved_sizes = 0;   // rank 0's counts: which steps are computed in halves (HalvesChoice::sizes)
  bool prefill_goes_on = false;
  // The plan has pages that leave or arrive, perhaps without any token, or other pages of sequences that move wait for
  // their turn.
  bool moves_pages = false;
  bool has_image_news = false;  // `images` is not what the last header had: the publisher may have something to do
  bool must_stop = false;       // the world must end
  bool has_failed = false;      // the world must end: this rank cannot go on

  bool operator==(const StepHeader&) const = default;
};

struct StepDecision {
  enum class Kind : uint8_t {
    kExecute,  // all execute; idle groups execute a batch of no tokens
    kPark,     // all wait until the work count differs from `work_count`
    kAgain,    // all exchange again at once
    kEnd,      // all leave
  };
  Kind kind = Kind::kAgain;
  uint64_t work_count = 0;
  std::vector<int32_t> failed_ranks = {};  // with kEnd: the ranks that failed; none: the world was stopped

  bool operator==(const StepDecision&) const = default;
};

// The number of tokens whose logits the step needs, to sample or to score.
int64_t num_logit_rows(const StepPlan& plan);

// Prefill alignment. A step lasts as long as its slowest group, so all groups wait for one group's prefill, and
// prefills of two groups in one step cost little more than one. A group that has anything else to do therefore holds
// its next prefill back until every busy group has one, or another group's prefill goes on anyway, or some request has
// been held for `max_held_steps`. Then all may begin in their next step. A group that alone has work never holds.
// `headers`: by rank.
bool may_begin_prefills(std::span<const StepHeader> headers, int32_t max_held_steps);

// `headers`: by rank. Headers of different rounds end the world, with all their ranks in `failed_ranks`.
StepDecision decide_step(std::span<const StepHeader> headers);

}  // namespace braid
