// The scheduler of one DP group decides which tokens of which requests the next step computes, and in which pages.
// Pure: admitted requests and sampled tokens in, StepPlans out; no tensor, text, clock or thread. Equal calls make
// equal plans. Tested by scheduler_test.cc, scheduler_hold_test.cc, scheduler_long_rope_test.cc,
// scheduler_moves_test.cc, scheduler_windows_test.cc and controller/request_queue_random_test.cc.
//
// Requests wait before it in the controller's RequestQueue (controller/request_queue.h) and are bound to a group as
// late as its credits() allow. A request that was add()ed is admitted: it runs, or it waits here for pages (preempted
// or just added).
//
//   while (auto request = queue.pop_admissible(scheduler.credits(), …)) scheduler.add(*request);
//   if (auto plan = scheduler.plan()) { result = run(*plan); outcomes = scheduler.commit(result); }
//
// A step computes one token of each decoding request and up to chunked_prefill_size prompt tokens. Requests have their
// turn by priority, then by arrival: for prompt tokens, and for pages. A share of the prompt tokens goes to short
// prompts that stand behind a long one (prefill_share.h). When pages run out, idle pages of the prefix cache are
// evicted, then the last request is preempted: it releases its pages (full ones stay in the prefix cache) and is
// recomputed later with the tokens it has. So the first request can always continue, and among equal priorities every
// request becomes the first one. A request also starts in the place of running ones of a lower priority.
//
// Layers with an attention window are a KV group with a pool of its own (kv/kv_group.h). A sequence needs pages in
// every pool. After each step it releases the pages that are now behind the window.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_index.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_digest.h"
#include "braid/request/request_outcome.h"
#include "braid/request/sampling_params.h"
#include "braid/request/scheduler_request.h"
#include "braid/scheduler/prefill_share.h"
#include "braid/wire/group_load.h"
#include "braid/wire/move.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

struct SchedulerConfig {
  int32_t num_pages = 0;  // of the widest KV group
  int32_t page_size = 16;
  int32_t context_len = 0;  // prompt and output, in tokens; at most what the pool holds (clamp_context)
  int32_t max_running_requests = 0;
  int32_t chunked_prefill_size = 0;  // prompt tokens in one step, >= 1
  int32_t overtaking_price = 10;     // PrefillShare's price, like the next
  int32_t positions_of_a_token = 16'384;
  bool radix_cache = true;
  int32_t max_moved_pages = std::numeric_limits<int32_t>::max();    // of sequences that move, copied in one step
  int32_t moved_piece_pages = std::numeric_limits<int32_t>::max();  // and in one piece: at most max_moved_pages
  int32_t window = 0;                                // of the widest KV group; 0: its layers see all positions
  std::vector<KvGroupPool> narrower_kv_groups = {};  // the others, widest first
  // A request with more tokens has different keys at all its positions (ModelConfig::long_rope_from). A request that
  // grows beyond this length is recomputed, and the prefix cache keeps the two kinds apart. 0: there is only one kind.
  int32_t long_rope_from = 0;
  // No step ends within an image, whose tokens see each other (ModelConfig::sees_whole_images). chunked_prefill_size
  // must hold the largest.
  bool keeps_images_whole = false;

  std::vector<KvGroupPool> kv_groups() const;  // all
};

// A sequence that leaves for another DP group, or a prefix of which a copy does.
struct Departure {
  MovedSequence sequence;
  // By KV group: the pages of all its tokens but the last, except those behind the window. Empty: it waited for pages.
  // Of a prefix: those that a sequence reads which continues from it.
  std::vector<std::vector<PageId>> pages;

  int32_t num_pages() const;  // of all KV groups together
};

// What a plan leaves over of its group's prefills; the other groups are told.
struct PrefillState {
  bool goes_on = false;    // the next plan surely has some: a prompt's next chunk, or what this full step left
  int32_t held_steps = 0;  // of the waiting sequence that was held the longest; 0: none is held

  bool operator==(const PrefillState&) const = default;
};

// The most tokens in one plan: for buffers that are allocated once.
int64_t max_step_tokens(const SchedulerConfig& config);

// The longest context that a pool can hold for a single request, at most `context_len`.
int64_t clamp_context(int64_t context_len, int32_t num_pages, int32_t page_size);
// The same for the pools of all KV groups. A pool with a window can hold any context once it holds the window and a
// step's tokens.
int64_t clamp_context(int64_t context_len, const SchedulerConfig& config);

class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config);
  ~Scheduler();

  // Takes over pages of an earlier start (KvIndex::adopt). Before anything else is done. Those that no sequence has
  // wanted after kKeptSteps steps are free.
  void adopt(std::span<const KeptPage> kept) { kv_.adopt(kept); }
  static constexpr uint64_t kKeptSteps = 256;
  std::vector<PageId> free_pages() const { return kv_.free_pages(); }  // of the first KV group

  // Takes a request regardless of credits; if it does not fit yet, it waits here. Returns an error, and takes nothing,
  // if it can never run: no prompt, a prompt longer than the context, no token to generate and none to score, an image
  // that no step holds.
  Status add(SchedulerRequest request);

  // The request's images have been made. It may not start, nor be computed again, before. False if it is not here yet
  // (arriving) or any more.
  bool images_are_there(RequestId request);

  // Ends the request for an outside reason (the client left, a stop string is complete). Frees everything it holds, at
  // once or, if a step with it is under way, in commit(). No outcome follows. False if it is unknown because it has
  // ended.
  bool abort(RequestId request);

  // The next step, or nothing if there is nothing to do. Its result must be committed before the next plan. Without
  // `may_begin_prefills`, a sequence that could begin is held for this step if there is anything else to do.
  std::optional<StepPlan> plan(bool may_begin_prefills = true);
  const PrefillState& prefill_state() const { return prefill_state_; }  // of the last plan

  // Takes the plan's results. Returns, in the plan's order, one outcome for each sequence that sampled, scored or ended
  // and was not dropped meanwhile.
  std::vector<RequestOutcome> commit(const StepResult& result);

  // The sequence moves to another group and is unknown here from now on. Its pages stay unchanged until
  // release_departed(), so they can be copied before anything is written to them. Returns nothing if it is unknown or
  // has no output token yet. Not while a step is under way.
  std::optional<Departure> depart(RequestId request);
  // A copy of what the prefix cache has of these tokens goes to another group, for a request with a prompt of
  // `prompt_len`. It is held and stays unchanged until release_departed(). Returns nothing if the cache has no page of
  // them. Not while a step is under way.
  std::optional<Departure> copy_prefix(RequestId request, std::span<const TokenId> tokens, int64_t prompt_len);
  void release_departed(RequestId request);

  // Takes over another group's sequence, regardless of credits. Returns the pages that must hold its keys and values.
  // It runs from settle() on; until then nobody else gets them, and give_up() releases them and forgets the sequence.
  // Returns nothing if there is no room now or it came without pages (`num_pages` is 0): then it waits and is
  // recomputed. A request that has not begun comes with a copy of its prefix: from settle() on the prefix is in the
  // cache, and the request waits for its turn as if it had been added. Until then no other request computes this
  // prefix. None of them while a step is under way.
  std::optional<std::vector<std::vector<PageId>>> arrive(const MovedSequence& moved, int32_t num_pages);
  void settle(RequestId request);
  void give_up(RequestId request);

  // Evicts everything from the prefix cache that no sequence holds. Returns the number of tokens. Not while a step is
  // under way.
  int64_t flush_cache();

  bool is_idle() const { return sequences_.empty() && departed_.empty() && arriving_.empty(); }
  Credits credits() const;
  // What the prefix cache has of a prompt, without its last token, whose logits are needed.
  PrefixProbe probe(std::span<const TokenId> prompt) const;
  // What the prefix cache gained and lost since the last call (KvIndex). All it has at the first call, and after
  // tell_all_prefixes().
  PrefixDigest take_prefix_changes();
  void tell_all_prefixes() { kv_.tell_all_prefixes(); }
  SchedulerStats stats() const;

  // CHECKs that the prefix cache and the sequences hold every page exactly as often as the pool counts. Debug builds
  // do so themselves, at every step or, with a large pool, every few steps.
  void check_invariants() const;
  // Also CHECKs that only the prefix cache holds pages. Only when is_idle().
  void check_idle_invariants() const;

 private:
  struct Sequence;
  struct Chosen;
  // Holds pages that are copied to another group.
  struct Departed {
    RequestId request = 0;
    SequencePages pages;
    int64_t num_tokens = 0;
  };
  // Holds pages that are copied from another group.
  struct Arriving {
    MovedSequence moved;
    SequencePages pages;
    int64_t num_tokens() const { return std::ssize(moved.request.prompt) + std::ssize(moved.output); }
    SequenceExtent extent() const {
      return {.num_tokens = num_tokens(), .num_computed = moved.is_prefix() ? moved.cached_tokens : num_tokens() - 1};
    }
  };

  Sequence& insert(SchedulerRequest request);
  Sequence& insert_moved(const MovedSequence& moved);
  bool make_room_for(const Arriving& arriving);
  bool grow(Sequence& sequence, int64_t num_tokens);
  bool make_room(int32_t kv_group, int32_t num_pages, const Sequence& requester);
  Sequence* last_running() const;
  void preempt(Sequence& sequence);
  void recompute(Sequence& sequence);
  bool needs_long_rope(int64_t num_tokens) const;
  Chosen choose_sequences(bool may_begin_prefills);
  int64_t tokens_of_step(const Sequence& sequence, int64_t available, int64_t budget) const;
  int64_t set_aside_for_shorter(bool may_begin_prefills);
  int64_t expected_uncomputed(Sequence& sequence) const;
  void note_held(bool is_held);
  bool can_start(Sequence& sequence, PrefixMatch& cached);
  bool try_start(Sequence& sequence);
  bool fits_above_lower(const Sequence& sequence) const;
  int64_t num_running() const;
  bool has_room_for(const SequencePages& pages, const SequenceExtent& extent) const;
  bool is_prefix_under_way(const Sequence& sequence, int32_t num_cached_pages) const;
  bool is_prefix_arriving(const Sequence& sequence, int64_t shared_len) const;
  void release(Sequence& sequence);
  void cache_full_pages(Sequence& sequence);
  SequencePlan plan_sequence(const Sequence& sequence) const;
  RequestOutcome take_result(Sequence& sequence, const SequenceResult* result);
  int64_t reserved_pages(int32_t kv_group, bool of_running) const;
  void check_in_debug_builds() const;
  void check_pool(int32_t kv_group) const;
  void remove_finished();

  const SchedulerConfig config_;
  KvIndex kv_;
  PrefillShare share_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // by priority, then by arrival
  std::vector<Sequence*> in_flight_;                  // sequences of the uncommitted plan, in its order
  std::vector<Departed> departed_;
  std::vector<Arriving> arriving_;
  bool is_in_flight_ = false;
  PrefillState prefill_state_;
  uint64_t next_step_ = 1;
  uint64_t num_preemptions_ = 0;
  uint64_t num_prompt_tokens_ = 0;
  uint64_t num_cached_tokens_ = 0;
};

}  // namespace braid
