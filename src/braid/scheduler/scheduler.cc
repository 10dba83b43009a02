#include "braid/scheduler/scheduler.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/scheduler/sequence.h"

namespace braid {

int64_t max_step_tokens(const SchedulerConfig& config) {
  return int64_t{config.chunked_prefill_size} + config.max_running_requests;
}

int64_t clamp_context(int64_t context_len, int32_t num_pages, int32_t page_size) {
  return std::min(context_len, int64_t{num_pages} * page_size);
}

int64_t clamp_context(int64_t context_len, const SchedulerConfig& config) {
  for (const KvGroupPool& kv_group : config.kv_groups()) {
    const bool holds_any =
        kv_group.window > 0 &&
        kv_group.num_pages >= most_kept_pages(kv_group.window, config.chunked_prefill_size, config.page_size);
    if (!holds_any) context_len = clamp_context(context_len, kv_group.num_pages, config.page_size);
  }
  return context_len;
}

std::vector<KvGroupPool> SchedulerConfig::kv_groups() const {
  std::vector<KvGroupPool> kv_groups = {{.window = window, .num_pages = num_pages}};
  kv_groups.insert(kv_groups.end(), narrower_kv_groups.begin(), narrower_kv_groups.end());
  return kv_groups;
}

int32_t Departure::num_pages() const {
  size_t total = 0;
  for (const auto& of_kv_group : pages) total += of_kv_group.size();
  return static_cast<int32_t>(total);
}

Scheduler::Scheduler(const SchedulerConfig& config)
    : config_(config), kv_(config.kv_groups(), config.page_size, config.chunked_prefill_size, config.radix_cache) {
  CHECK(config.num_pages >= 1 && config.page_size >= 1 && config.max_running_requests >= 1 &&
        config.chunked_prefill_size >= 1 && config.context_len >= 1);
  CHECK(config.context_len == clamp_context(config.context_len, config),
        "a context of {} tokens in a pool of {} pages of {}", config.context_len, config.num_pages, config.page_size);
}

Scheduler::~Scheduler() = default;

Status Scheduler::add(SchedulerRequest request) {
  if (request.prompt.empty()) return fail("the prompt has no tokens: at least 1");
  if (static_cast<int64_t>(request.prompt.size()) > config_.context_len) {
    return fail("prompt has {} tokens, the context is {}", request.prompt.size(), config_.context_len);
  }
  if (request.sampling.max_new_tokens < 1 && request.sampling.prompt_logprobs_start < 0) {
    return fail("max_new_tokens is {}: at least 1", request.sampling.max_new_tokens);
  }
  insert(std::move(request));
  return {};
}

Scheduler::Sequence& Scheduler::insert(SchedulerRequest request) {
  const uint64_t arrival = request.arrival;
  const auto later = std::ranges::find_if(sequences_, [&](const auto& other) { return other->arrival > arrival; });
  Sequence& sequence = **sequences_.insert(later, std::make_unique<Sequence>(std::move(request), kv_.no_pages()));
  sequence.has_long_rope = needs_long_rope(sequence.num_tokens());
  return sequence;
}

bool Scheduler::needs_long_rope(int64_t num_tokens) const {
  return config_.long_rope_from > 0 && num_tokens > config_.long_rope_from;
}

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
  int64_t prefill_budget = config_.chunked_prefill_size;
  bool may_start = true;
  // In order of arrival: a sequence takes pages only from later ones, which are not planned yet.
  for (const auto& sequence : sequences_) {
    if (sequence->is_decoding) {
      sequence->num_planned = 1;
      if (grow(*sequence, sequence->num_tokens())) chosen.decodes.push_back(sequence.get());
      continue;
    }
    if (prefill_budget == 0) {
      chosen.goes_on = true;
      continue;
    }
    if (!sequence->is_running) {
      // No sequence starts before an older one: all that wait here were admitted, or ran already.
      if (may_start && !may_begin_prefills) {
        // A sequence that was held in the last step stays held. Matching its prefix in every step would change nothing.
        PrefixMatch cached;
        chosen.is_held = sequence->held_steps > 0 || can_start(*sequence, cached);
        may_start = false;
      }
      may_start = may_start && try_start(*sequence);
      if (!may_start) continue;
    }
    sequence->num_planned = static_cast<int32_t>(std::min(prefill_budget, sequence->num_uncomputed()));
    if (!grow(*sequence, sequence->num_computed + sequence->num_planned)) continue;
    prefill_budget -= sequence->num_planned;
    chosen.goes_on = chosen.goes_on || sequence->num_planned < sequence->num_uncomputed();
    chosen.prefills.push_back(sequence.get());
  }
  return chosen;
}

// Everything queued behind a held sequence is held too. Report held_steps while it waits for pages, or it would be held
// again.
void Scheduler::note_held(bool is_held) {
  prefill_state_.held_steps = 0;
  for (const auto& sequence : sequences_) {
    if (sequence->is_running) continue;
    if (is_held) ++sequence->held_steps;
    prefill_state_.held_steps = std::max(prefill_state_.held_steps, sequence->held_steps);
  }
}

std::optional<StepPlan> Scheduler::plan(bool may_begin_prefills) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  Chosen chosen = choose_sequences(may_begin_prefills);
  if (!may_begin_prefills && chosen.is_empty()) chosen = choose_sequences(true);
  note_held(chosen.is_held);
  prefill_state_.goes_on = chosen.goes_on;
  if (chosen.is_empty()) {
    const bool moves_hold_pages = !departed_.empty() || !arriving_.empty();
    CHECK(sequences_.empty() || moves_hold_pages, "{} requests, and none of them can run", sequences_.size());
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
#ifndef NDEBUG
  check_invariants();
#endif
  return plan;
}

std::vector<RequestOutcome> Scheduler::commit(const StepResult& result) {
  CHECK(is_in_flight_ && result.step == next_step_ - 1, "the result of step {}, the plan is of {}", result.step,
        next_step_ - 1);
  std::vector<RequestOutcome> outcomes;
  size_t next_result = 0;
  for (Sequence* sequence : in_flight_) {
    sequence->is_in_flight = false;
    sequence->num_computed += sequence->num_planned;
    const bool is_complete = sequence->num_uncomputed() == 0;
    const SequenceResult* own = nullptr;
    if ((is_complete && sequence->generates()) || sequence->num_planned_scored > 0) {
      CHECK(next_result < result.sequences.size() && result.sequences[next_result].request == sequence->id,
            "step {} has no result for request {}", result.step, sequence->id);
      own = &result.sequences[next_result++];
    }
    if (own != nullptr && !own->error.empty()) {
      // Do not share the keys and values of a failed computation.
      sequence->release_pages();
      sequence->num_computed = 0;
    }
    if (sequence->is_dropped) {
      release(*sequence);
      continue;
    }
    if (!sequence->is_decoding) cache_full_pages(*sequence);
    kv_.release_behind(sequence->pages, sequence->num_computed);
    if (own != nullptr || is_complete) outcomes.push_back(take_result(*sequence, own));
  }
  CHECK(next_result == result.sequences.size(), "step {} has {} results too many", result.step,
        result.sequences.size() - next_result);
  in_flight_.clear();
  is_in_flight_ = false;
  remove_finished();
#ifndef NDEBUG
  check_invariants();
#endif
  return outcomes;
}

bool Scheduler::abort(RequestId request) {
  const auto found = std::ranges::find_if(
      sequences_, [&](const auto& sequence) { return sequence->id == request && !sequence->is_dropped; });
  if (found == sequences_.end()) return false;
  Sequence& sequence = **found;
  sequence.is_dropped = true;
  if (sequence.is_in_flight) return true;  // the step still writes its pages
  release(sequence);
  remove_finished();
  return true;
}

int64_t Scheduler::flush_cache() {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  return kv_.flush();
}

// `result` is null if the sequence is complete and needs none.
RequestOutcome Scheduler::take_result(Sequence& sequence, const SequenceResult* result) {
  RequestOutcome outcome;
  outcome.request = sequence.id;
  outcome.cached_tokens = sequence.cached_tokens;
  if (result != nullptr && !result->error.empty()) {
    outcome.finish = FinishReason::kError;
    outcome.error = result->error;
    release(sequence);
    return outcome;
  }
  if (sequence.num_planned_scored > 0) {
    CHECK(result->prompt_logprobs.size() == static_cast<size_t>(sequence.num_planned_scored),
          "request {}: {} tokens are scored, {} were to be", sequence.id, result->prompt_logprobs.size(),
          sequence.num_planned_scored);
    sequence.next_scored += sequence.num_planned_scored;
    outcome.prompt_logprobs = result->prompt_logprobs;
  }
  if (sequence.num_uncomputed() > 0) return outcome;
  if (!sequence.generates()) {
    outcome.finish = FinishReason::kLength;
  } else {
    sequence.is_decoding = true;
    sequence.tokens.push_back(result->sampled.token);
    outcome.token = result->sampled;
    outcome.finish = sequence.finish_reason(config_.context_len);
  }
  if (outcome.finish != FinishReason::kNone) {
    release(sequence);
  } else if (!sequence.has_long_rope && needs_long_rope(sequence.num_tokens())) {
    recompute(sequence);
    sequence.has_long_rope = true;
  }
  return outcome;
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
// youngest sequences.
bool Scheduler::make_room(int32_t kv_group, int32_t num_pages, const Sequence& requester) {
  while (!kv_.make_free(kv_group, num_pages)) {
    const auto youngest = std::find_if(sequences_.rbegin(), sequences_.rend(),
                                       [&](const auto& sequence) { return sequence->is_running; });
    if (youngest == sequences_.rend() || youngest->get() == &requester || (*youngest)->arrival < requester.arrival) {
      return false;
    }
    preempt(**youngest);
  }
  return true;
}

void Scheduler::preempt(Sequence& sequence) {
  ++num_preemptions_;
  recompute(sequence);
}

// The sequence waits with its tokens but without keys and values.
void Scheduler::recompute(Sequence& sequence) {
  cache_full_pages(sequence);
  sequence.release_pages();
  sequence.num_computed = 0;
  sequence.is_running = false;
  sequence.is_decoding = false;
}

// Whether all its tokens and one more page fit beside what the running sequences will need soon. `cached` is what the
// prefix cache has of it. The first token whose logits are needed is always computed: the last one, or the one before
// the first prompt token that is still to be scored.
bool Scheduler::can_start(const Sequence& sequence, PrefixMatch& cached) {
  if (num_running() >= config_.max_running_requests) return false;  // before its whole prefix is matched
  const std::span<const TokenId> reusable = sequence.reusable_tokens();
  cached = kv_.match(PrefixKey(reusable.first(reusable.size() - 1), sequence.has_long_rope).tokens);
  if (is_prefix_under_way(sequence, cached.num_pages)) return false;
  const int64_t num_cached = int64_t{cached.num_pages} * config_.page_size;
  return has_room_for(cached.pages, {.num_tokens = sequence.num_tokens(), .num_computed = num_cached});
}

// Starts or resumes the sequence if it can run.
bool Scheduler::try_start(Sequence& sequence) {
  PrefixMatch cached;
  if (!can_start(sequence, cached)) return false;
  sequence.is_running = true;
  sequence.held_steps = 0;
  sequence.num_computed = int64_t{cached.num_pages} * config_.page_size;
  sequence.pages = std::move(cached.pages);
  if (!sequence.has_started) {
    sequence.has_started = true;
    sequence.cached_tokens = static_cast<int32_t>(sequence.num_computed);
    num_prompt_tokens_ += static_cast<uint64_t>(sequence.num_prompt_tokens);
    num_cached_tokens_ += static_cast<uint64_t>(sequence.cached_tokens);
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
    if (needed > kv_.pool(kv_group).num_available()) return false;
  }
  return true;
}

// Whether a sequence in prefill is computing the page that follows the cached ones. Then this one waits to find the
// page in the cache a step or so later instead of computing it too (choices of one request, a popular system prompt).
bool Scheduler::is_prefix_under_way(const Sequence& sequence, int32_t num_cached_pages) const {
  if (!config_.radix_cache) return false;
  const int64_t shared_len = (int64_t{num_cached_pages} + 1) * config_.page_size;
  if (shared_len >= static_cast<int64_t>(sequence.reusable_tokens().size())) return false;
  return std::ranges::any_of(sequences_, [&](const auto& other) {
    return other->is_running && !other->is_decoding && !other->is_dropped && other->num_computed < shared_len &&
           other->num_tokens() >= shared_len && other->has_long_rope == sequence.has_long_rope &&
           std::equal(other->tokens.begin(), other->tokens.begin() + shared_len, sequence.tokens.begin());
  });
}

void Scheduler::release(Sequence& sequence) {
  cache_full_pages(sequence);
  sequence.release_pages();
  sequence.is_running = false;
  sequence.is_finished = true;
}

void Scheduler::cache_full_pages(Sequence& sequence) {
  if (!config_.radix_cache) return;
  const int64_t full = sequence.num_computed / config_.page_size * config_.page_size;
  const auto computed = std::span<const TokenId>(sequence.tokens).first(static_cast<size_t>(full));
  kv_.cache(PrefixKey(computed, sequence.has_long_rope).tokens, sequence.pages);
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
  return plan;
}

void Scheduler::remove_finished() {
  std::erase_if(sequences_, [](const auto& sequence) { return sequence->is_finished; });
}

}  // namespace braid
