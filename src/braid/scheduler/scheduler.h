// The scheduler of one DP group: which tokens of which requests the next step computes, in which pages. Pure: admitted
// requests and sampled tokens in, StepPlans out; no tensor, no text, no clock, no thread. Equal calls give equal plans.
//
// Requests wait in front of it, in control's RequestQueue (request_queue.h), and are bound to a group as late as its
// credits() allow. What has been add()ed is admitted: it runs, or it waits here for pages (preempted, or just added).
//
//   while (auto request = queue.pop_admissible(scheduler.credits(), …)) scheduler.add(*request);
//   if (auto plan = scheduler.plan()) { result = run(*plan); outcomes = scheduler.commit(result); }
//
// A step holds one token of each decoding request, and up to chunked_prefill_size tokens of prompts. Who came first
// (by arrival) gets pages first. When they run out, unused pages of the prefix cache go, then the request that came
// last is preempted: it gives its pages back (its full ones to the prefix cache) and is recomputed later, with the
// tokens that it has. The oldest request can therefore always go on, and every request becomes the oldest one.
//
// Layers with attention windows have pages of their own (kv/kv_group.h), in other pools: a sequence needs room in all
// of them, and gives back there, behind each step, what has fallen behind the window.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_index.h"
#include "braid/request/ids.h"
#include "braid/request/request_outcome.h"
#include "braid/request/sampling_params.h"
#include "braid/request/scheduler_request.h"
#include "braid/wire/group_load.h"
#include "braid/wire/move.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

struct SchedulerConfig {
  int32_t num_pages = 0;  // of the widest KV group
  int32_t page_size = 16;
  int32_t context_len = 0;  // prompt and output, in tokens; what the pool holds at most (clamp_context)
  int32_t max_running_requests = 0;
  int32_t chunked_prefill_size = 0;  // tokens of prompts in one step, >= 1
  bool radix_cache = true;
  int32_t window = 0;                                // of the widest KV group; 0: its layers see all
  std::vector<KvGroupPool> narrower_kv_groups = {};  // the others, by falling window
  // A request of more tokens has other keys (ModelConfig::long_rope_from), at all its positions: one that grows beyond
  // is computed anew, and the prefix cache keeps the two kinds apart. 0: there is one kind.
  int32_t long_rope_from = 0;

  std::vector<KvGroupPool> kv_groups() const;  // all
};

// A sequence that leaves for another group.
struct Departure {
  MovedSequence sequence;
  // By KV group: of all its tokens but the last, as far as they are not behind the window; none: it waited for pages.
  std::vector<std::vector<PageId>> pages;

  int32_t num_pages() const;  // of all groups together
};

// What a plan leaves of its group's prefills, for the other groups to know.
struct PrefillState {
  bool goes_on = false;    // the next plan has some for sure: of a prompt's next chunk, or behind a full step
  int32_t held_steps = 0;  // of the waiting sequence that has been held the longest; 0: none has

  bool operator==(const PrefillState&) const = default;
};

// The most tokens that one plan holds: for buffers that are allocated once.
int64_t max_step_tokens(const SchedulerConfig& config);

// The longest context that a pool can hold for one request alone, at most `context_len`.
int64_t clamp_context(int64_t context_len, int32_t num_pages, int32_t page_size);
// The same of all KV groups' pools: a window holds any context once its pool holds the window and a step's tokens.
int64_t clamp_context(int64_t context_len, const SchedulerConfig& config);

class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config);
  ~Scheduler();

  // Takes a request whatever the credits; what does not fit yet waits here. An error, and nothing taken, if it can
  // never run: no prompt, a prompt longer than the context, no token to generate and none to score.
  Status add(SchedulerRequest request);

  // The request is over, for whatever reason lies in front (the client left, a stop string is complete): everything it
  // holds is freed, at once or, if a step with it is under way, by commit(). No outcome follows. False if unknown:
  // it ended before.
  bool abort(RequestId request);

  // The next step, or nothing if there is nothing to do. Its result must be committed before the next plan. Without
  // `may_begin_prefills` a sequence that could begin is held for this step, if there is anything else to do.
  std::optional<StepPlan> plan(bool may_begin_prefills = true);
  const PrefillState& prefill_state() const { return prefill_state_; }  // of the last plan

  // Takes the plan's results: one outcome for each sequence that sampled, scored or ended, and was not dropped
  // meanwhile, in its order.
  std::vector<RequestOutcome> commit(const StepResult& result);

  // The sequence goes to another group, and is unknown here from now on. Its pages stay as they are until
  // release_departed(): whatever is written into them must come behind their copying. Nothing if it is unknown or has
  // no token yet. Not while a step is under way.
  std::optional<Departure> depart(RequestId request);
  void release_departed() { departed_.clear(); }

  // Goes on with another group's sequence, beyond all credits. The pages that its keys and values must be in before the
  // next plan's sequences are computed; or nothing where there is no room for them now, or none came with it
  // (`num_pages`): then it waits, and is computed anew. Not while a step is under way.
  std::optional<std::vector<std::vector<PageId>>> arrive(const MovedSequence& moved, int32_t num_pages);

  // The prefix cache lets go of all that no sequence holds: the number of tokens. Not while a step is under way.
  int64_t flush_cache();

  bool is_idle() const { return sequences_.empty(); }
  Credits credits() const;
  // What of a prompt the prefix cache could serve: not its last token, whose logits are needed.
  PrefixProbe probe(std::span<const TokenId> prompt) const;
  SchedulerStats stats() const;

  // CHECKs that every page is free, in the prefix cache or held by a sequence, exactly as often as the pool counts; in
  // debug builds at every step.
  void check_invariants() const;
  // And that nothing but the prefix cache holds one: only when is_idle().
  void check_idle_invariants() const;

 private:
  struct Sequence;
  struct Chosen;

  Sequence& insert(SchedulerRequest request);
  bool grow(Sequence& sequence, int64_t num_tokens);
  bool make_room(int32_t kv_group, int32_t num_pages, const Sequence& requester);
  void preempt(Sequence& sequence);
  void recompute(Sequence& sequence);
  bool needs_long_rope(int64_t num_tokens) const;
  Chosen choose_sequences(bool may_begin_prefills);
  void note_held(bool is_held);
  bool can_start(const Sequence& sequence, PrefixMatch& cached);
  bool try_start(Sequence& sequence);
  int64_t num_running() const;
  bool has_room_for(const SequencePages& pages, const SequenceExtent& extent) const;
  bool is_prefix_under_way(const Sequence& sequence, int32_t num_cached_pages) const;
  void release(Sequence& sequence);
  void cache_full_pages(Sequence& sequence);
  SequencePlan plan_sequence(const Sequence& sequence) const;
  RequestOutcome take_result(Sequence& sequence, const SequenceResult* result);
  int64_t reserved_pages(int32_t kv_group, bool of_running) const;
  void check_pool(int32_t kv_group) const;
  void remove_finished();

  const SchedulerConfig config_;
  KvIndex kv_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // in order of arrival
  std::vector<Sequence*> in_flight_;                  // of the plan that is not committed yet, in its order
  std::vector<SequencePages> departed_;               // still to be copied
  bool is_in_flight_ = false;
  PrefillState prefill_state_;
  uint64_t next_step_ = 1;
  uint64_t num_preemptions_ = 0;
  uint64_t num_prompt_tokens_ = 0;
  uint64_t num_cached_tokens_ = 0;
};

}  // namespace braid
