// The part of Scheduler that plans a step: which sequences start, how many tokens each gets, and which gives up its
// pages. Tested by scheduler_test.cc, scheduler_hold_test.cc and scheduler_turn_test.cc.
#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/scheduler/scheduler.h"
#include "braid/scheduler/sequence.h"

namespace braid {

// The sequences of a step.
struct Scheduler::Chosen {
  std::vector<Sequence*> decodes;
  std::vector<Sequence*> prefills;
  bool is_held = false;  // a sequence could begin but may not yet
  bool goes_on = false;  // some prefill remains for the next step
  bool is_empty() const { return decodes.empty() && prefills.empty(); }
};

Scheduler::Chosen Scheduler::choose_sequences(bool may_begin_prefills) {
  Chosen chosen;
  int64_t budget = config_.chunked_prefill_size;
  int64_t set_aside = set_aside_for_shorter(may_begin_prefills);  // for this sequence and those behind it
  bool may_start = true;
  bool lacks_room = false;
  // In their order: a sequence takes pages only from later ones, which are not planned yet.
  for (const auto& sequence : sequences_) {
    if (sequence->is_decoding) {
      sequence->num_planned = 1;
      if (grow(*sequence, sequence->num_tokens())) chosen.decodes.push_back(sequence.get());
      continue;
    }
    if (sequence->awaits_images) continue;
    set_aside -= sequence->set_aside;
    const int64_t available = budget - set_aside;
    if (available <= 0) {
      chosen.goes_on = true;
      continue;
    }
    if (!sequence->is_running) {
      // No sequence starts before one that lacks room: all that wait here were admitted, or ran already. Only a shorter
      // one starts before one that waits for a prefix.
      if (lacks_room || (!may_start && sequence->set_aside == 0)) continue;
      if (!may_begin_prefills) {
        // A sequence that was held in the last step stays held. Matching its prefix in every step would change nothing.
        PrefixMatch cached;
        chosen.is_held = sequence->held_steps > 0 || can_start(*sequence, cached);
        lacks_room = true;  // those behind it are held with it
        continue;
      }
      if (!try_start(*sequence)) {
        may_start = false;
        lacks_room = sequence->lacks_room;
        continue;
      }
    }
    sequence->num_planned = static_cast<int32_t>(tokens_of_step(*sequence, available, budget));
    if (sequence->num_planned == 0) {
      chosen.goes_on = true;
      continue;
    }
    if (!grow(*sequence, sequence->num_computed + sequence->num_planned)) continue;
    sequence->last_step = next_step_;
    budget -= sequence->num_planned;
    share_.earn(sequence->num_computed, std::max(0, sequence->num_planned - sequence->set_aside));
    chosen.goes_on = chosen.goes_on || sequence->num_planned < sequence->num_uncomputed();
    chosen.prefills.push_back(sequence.get());
  }
  return chosen;
}

// How many tokens of its prefill the sequence computes if `available` of the step's `budget` are left for it. Where
// images must be whole, a step ends before an image, or takes all of it, even from what was set aside for others: so
// the first sequence always makes progress. 0: nothing fits.
int64_t Scheduler::tokens_of_step(const Sequence& sequence, int64_t available, int64_t budget) const {
  const int64_t num_tokens = std::min(available, sequence.num_uncomputed());
  if (!config_.keeps_images_whole) return num_tokens;
  const int64_t end = sequence.num_computed + num_tokens;
  for (const ImageSpan& image : sequence.images) {
    if (image.first >= end || image.end() <= end) continue;
    if (image.first > sequence.num_computed) return image.first - sequence.num_computed;
    const int64_t rest = image.end() - sequence.num_computed;
    return rest <= budget ? rest : 0;
  }
  return num_tokens;
}

// Lets shorter prefills go ahead of longer ones (prefill_share.h): sets their `set_aside`, and returns the sum.
int64_t Scheduler::set_aside_for_shorter(bool may_begin_prefills) {
  std::vector<Sequence*> in_turn;
  for (const auto& sequence : sequences_) {
    sequence->set_aside = 0;
    if (!sequence->is_decoding && !sequence->awaits_images) in_turn.push_back(sequence.get());
  }
  if (in_turn.size() < 2) return 0;
  std::vector<PrefillShare::Prefill> prefills;
  bool may_start = may_begin_prefills;
  for (Sequence* sequence : in_turn) {
    prefills.push_back({.priority = sequence->priority,
                        .num_uncomputed = expected_uncomputed(*sequence),
                        .may_overtake = sequence->is_running || may_start});
    may_start = may_start && (sequence->is_running || !sequence->lacks_room);
  }
  const std::vector<int64_t> set_aside = share_.set_aside(prefills);
  int64_t total = 0;
  for (size_t i = 0; i < in_turn.size(); ++i) {
    in_turn[i]->set_aside = static_cast<int32_t>(set_aside[i]);
    total += set_aside[i];
  }
  return total;
}

// A waiting sequence is looked up in the prefix cache once; only its turn depends on it.
int64_t Scheduler::expected_uncomputed(Sequence& sequence) const {
  if (sequence.is_running) return sequence.num_uncomputed();
  if (!sequence.expected_cached) {
    const std::span<const TokenId> reusable = sequence.reusable_tokens();
    const PrefixKey key(reusable.first(reusable.size() - 1), sequence.has_long_rope);
    sequence.expected_cached = int64_t{kv_.probe(key.tokens).num_cached_pages} * config_.page_size;
  }
  return sequence.num_tokens() - *sequence.expected_cached;
}

// Everything queued behind a held sequence is held too. Report held_steps while it waits for pages, or it would be held
// again.
void Scheduler::note_held(bool is_held) {
  prefill_state_.held_steps = 0;
  for (const auto& sequence : sequences_) {
    if (sequence->is_running || sequence->awaits_images) continue;
    if (is_held) ++sequence->held_steps;
    prefill_state_.held_steps = std::max(prefill_state_.held_steps, sequence->held_steps);
  }
}

std::optional<StepPlan> Scheduler::plan(bool may_begin_prefills) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  if (next_step_ == kKeptSteps) kv_.drop_kept();
  Chosen chosen = choose_sequences(may_begin_prefills);
  if (!may_begin_prefills && chosen.is_empty()) chosen = choose_sequences(true);
  note_held(chosen.is_held);
  prefill_state_.goes_on = chosen.goes_on;
  if (chosen.is_empty()) {
    const bool moves_hold_pages = !departed_.empty() || !arriving_.empty();
    const auto awaits_images = [](const auto& sequence) { return sequence->awaits_images; };
    CHECK(moves_hold_pages || std::ranges::all_of(sequences_, awaits_images), "{} requests, and none of them can run",
          sequences_.size());
    return std::nullopt;
  }

  in_flight_ = std::move(chosen.decodes);
  in_flight_.insert(in_flight_.end(), chosen.prefills.begin(), chosen.prefills.end());
  is_in_flight_ = true;
  StepPlan plan{.step = next_step_++, .sequences = {}};
  plan.sequences.reserve(in_flight_.size());
  for (Sequence* sequence : in_flight_) {
    sequence->is_in_flight = true;
    plan.sequences.push_back(plan_sequence(*sequence));
    sequence->num_planned_scored = static_cast<int32_t>(plan.sequences.back().scoring.tokens.size());
  }
  check_in_debug_builds();
  return plan;
}

// Gets pages for the sequence's first `num_tokens` tokens. Returns false, and changes nothing, if it must wait for
// them.
bool Scheduler::grow(Sequence& sequence, int64_t num_tokens) {
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) {
    const int32_t missing = kv_.num_missing(kv_group, sequence.pages, num_tokens);
    if (missing > 0 && !make_room(kv_group, missing, sequence)) return false;
  }
  kv_.extend(sequence.pages, num_tokens);
  return true;
}

// Frees pages until `num_pages` of the KV group are free: first idle pages of the prefix cache, then the pages of the
// sequences that come last.
bool Scheduler::make_room(int32_t kv_group, int32_t num_pages, const Sequence& requester) {
  while (!kv_.make_free(kv_group, num_pages)) {
    Sequence* const last = last_running();
    if (last == nullptr || last == &requester || last->comes_before(requester)) return false;
    preempt(*last);
  }
  return true;
}

Scheduler::Sequence* Scheduler::last_running() const {
  const auto last =
      std::find_if(sequences_.rbegin(), sequences_.rend(), [](const auto& sequence) { return sequence->is_running; });
  return last == sequences_.rend() ? nullptr : last->get();
}

void Scheduler::preempt(Sequence& sequence) {
  ++num_preemptions_;
  recompute(sequence);
}

// The sequence waits with its tokens but without keys and values.
void Scheduler::recompute(Sequence& sequence) {
  cache_full_pages(sequence);
  sequence.expected_cached.reset();
  sequence.release_pages();
  sequence.num_computed = 0;
  sequence.is_running = false;
  sequence.is_decoding = false;
}

// Whether all its tokens and one more page fit beside what the running sequences will need soon, and no other is
// computing its prefix. `cached` is what the prefix cache has of it. The first token whose logits are needed is always
// computed: the last one, or the one before the first prompt token that is still to be scored.
bool Scheduler::can_start(Sequence& sequence, PrefixMatch& cached) {
  sequence.lacks_room = true;
  if (num_running() >= config_.max_running_requests) return false;  // before its whole prefix is matched
  const std::span<const TokenId> reusable = sequence.reusable_tokens();
  cached = kv_.match(PrefixKey(reusable.first(reusable.size() - 1), sequence.has_long_rope).tokens);
  const int64_t num_cached = int64_t{cached.num_pages} * config_.page_size;
  sequence.expected_cached = num_cached;
  if (is_prefix_under_way(sequence, cached.num_pages)) {
    sequence.lacks_room = false;
    return false;
  }
  sequence.lacks_room = !has_room_for(cached.pages, {.num_tokens = sequence.num_tokens(), .num_computed = num_cached});
  return !sequence.lacks_room;
}

// Starts or resumes the sequence if it can run, if need be in the place of running ones of a lower priority.
bool Scheduler::try_start(Sequence& sequence) {
  PrefixMatch cached;
  while (!can_start(sequence, cached)) {
    if (!sequence.lacks_room || !fits_above_lower(sequence)) return false;
    cached = {};  // or it would hold pages of those that give way
    preempt(*last_running());
  }
  sequence.is_running = true;
  sequence.held_steps = 0;
  sequence.num_computed = int64_t{cached.num_pages} * config_.page_size;
  sequence.pages = std::move(cached.pages);
  if (sequence.images.empty()) {
    const std::span<const TokenId> reusable = sequence.reusable_tokens();
    const PrefixKey key(reusable.first(reusable.size() - 1), sequence.has_long_rope);
    sequence.num_computed += kv_.take_kept(key.tokens, sequence.num_computed, sequence.pages);
  }
  if (!sequence.has_started) {
    sequence.has_started = true;
    sequence.cached_tokens = static_cast<int32_t>(sequence.num_computed);
    num_prompt_tokens_ += static_cast<uint64_t>(sequence.num_prompt_tokens);
    num_cached_tokens_ += static_cast<uint64_t>(sequence.cached_tokens);
  }
  return true;
}

// Whether some running sequence has a lower priority, and the sequence fits beside those that have not and those that
// move. Shared pages count for each of their holders, so this errs on the side of waiting.
bool Scheduler::fits_above_lower(const Sequence& sequence) const {
  const auto is_lower = [&](const auto& other) { return other->is_running && other->priority < sequence.priority; };
  const int64_t num_lower = std::ranges::count_if(sequences_, is_lower);
  const int64_t num_staying = num_running() - num_lower;
  if (num_lower == 0 || num_staying >= config_.max_running_requests) return false;
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) {
    int64_t needed = kv_.num_soon(kv_group, sequence.pages, sequence.extent());
    const auto count = [&](const SequencePages& pages, const SequenceExtent& extent) {
      needed += pages[static_cast<size_t>(kv_group)].pages.size() + kv_.num_soon(kv_group, pages, extent);
    };
    for (const auto& other : sequences_) {
      if (other->is_running && !is_lower(other)) count(other->pages, other->extent());
    }
    for (const Arriving& other : arriving_) count(other.pages, other.extent());
    for (const Departed& other : departed_) needed += other.pages[static_cast<size_t>(kv_group)].pages.size();
    if (num_staying > 0 && needed > kv_.pool(kv_group).num_pages()) return false;
  }
  return true;
}

int64_t Scheduler::num_running() const {
  return std::ssize(arriving_) +
         std::ranges::count_if(sequences_, [](const auto& sequence) { return sequence->is_running; });
}

// Whether one more sequence that holds these pages may run, given what it and the running sequences will need soon.
bool Scheduler::has_room_for(const SequencePages& pages, const SequenceExtent& extent) const {
  const int64_t others = num_running();
  if (others >= config_.max_running_requests) return false;
  if (others == 0) return true;
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) {
    const int64_t needed = kv_.num_soon(kv_group, pages, extent) + reserved_pages(kv_group, true);
    if (needed > kv_.num_available(kv_group)) return false;
  }
  return true;
}

// Whether a sequence in prefill is computing the page that follows the cached ones. Then this one waits to find the
// page in the cache a step or so later instead of computing it too (choices of one request, a popular system prompt).
// It does not wait for one of a lower priority, nor for one that makes no progress because others have their turn.
bool Scheduler::is_prefix_under_way(const Sequence& sequence, int32_t num_cached_pages) const {
  if (!config_.radix_cache) return false;
  const int64_t shared_len = (int64_t{num_cached_pages} + 1) * config_.page_size;
  if (shared_len >= static_cast<int64_t>(sequence.reusable_tokens().size())) return false;
  if (is_prefix_arriving(sequence, shared_len)) return true;
  return std::ranges::any_of(sequences_, [&](const auto& other) {
    return other->is_running && !other->is_decoding && !other->is_dropped && other->priority >= sequence.priority &&
           other->last_step + 1 >= next_step_ && other->num_computed < shared_len &&
           other->num_tokens() >= shared_len && other->has_long_rope == sequence.has_long_rope &&
           std::equal(other->tokens.begin(), other->tokens.begin() + shared_len, sequence.tokens.begin());
  });
}

bool Scheduler::is_prefix_arriving(const Sequence& sequence, int64_t shared_len) const {
  return std::ranges::any_of(arriving_, [&](const Arriving& other) {
    const std::vector<TokenId>& prompt = other.moved.request.prompt;
    return other.moved.is_prefix() && other.moved.cached_tokens >= shared_len &&
           needs_long_rope(other.num_tokens()) == sequence.has_long_rope &&
           std::equal(prompt.begin(), prompt.begin() + shared_len, sequence.tokens.begin());
  });
}

SequencePlan Scheduler::plan_sequence(const Sequence& sequence) const {
  const auto first = sequence.tokens.begin() + sequence.num_computed;
  const int64_t end = sequence.num_computed + sequence.num_planned;
  SequencePlan plan{.request = sequence.id,
                    .new_tokens = {first, first + sequence.num_planned},
                    .first_position = static_cast<int32_t>(sequence.num_computed),
                    .page_tables = {},
                    .samples = end == sequence.num_tokens() && sequence.generates(),
                    .sampling = {},
                    .scoring = sequence.scoring(),
                    .has_long_rope = sequence.has_long_rope};
  for (const PageRun& run : sequence.pages) {
    const auto pages = run.pages.ids().first(static_cast<size_t>(kv_.pages_for(end) - run.first));
    plan.page_tables.push_back({.first_page = run.first, .pages = {pages.begin(), pages.end()}});
  }
  if (plan.samples) plan.sampling = sequence.sampling_state();
  for (const ImageSpan& image : sequence.images) {
    if (image.first < end) plan.images.push_back(image);
  }
  return plan;
}

}  // namespace braid
