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
    : config_(config),
      kv_(config.kv_groups(), config.page_size, config.chunked_prefill_size, config.radix_cache),
      share_(config.chunked_prefill_size, config.overtaking_price, config.positions_of_a_token) {
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
  for (const RequestImage& image : request.images) {
    if (config_.keeps_images_whole && image.span.num_tokens() > config_.chunked_prefill_size) {
      return fail("an image of {} tokens, which one step must compute: it has at most {} (--chunked-prefill-size)",
                  image.span.num_tokens(), config_.chunked_prefill_size);
    }
  }
  insert(std::move(request));
  return {};
}

bool Scheduler::images_are_there(RequestId request) {
  const auto found = std::ranges::find_if(sequences_, [&](const auto& other) { return other->id == request; });
  if (found == sequences_.end()) return false;
  (*found)->awaits_images = false;
  return true;
}

Scheduler::Sequence& Scheduler::insert(SchedulerRequest request) {
  auto added = std::make_unique<Sequence>(std::move(request), kv_.no_pages());
  const auto later = std::ranges::find_if(sequences_, [&](const auto& other) { return added->comes_before(*other); });
  Sequence& sequence = **sequences_.insert(later, std::move(added));
  sequence.has_long_rope = needs_long_rope(sequence.num_tokens());
  return sequence;
}

bool Scheduler::needs_long_rope(int64_t num_tokens) const {
  return config_.long_rope_from > 0 && num_tokens > config_.long_rope_from;
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
  check_in_debug_builds();
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

PrefixDigest Scheduler::take_prefix_changes() {
  PrefixDigest changes = kv_.take_prefix_changes();
  if (changes.is_whole) changes.shape.long_rope_from = config_.long_rope_from;
  return changes;
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

void Scheduler::remove_finished() {
  std::erase_if(sequences_, [](const auto& sequence) { return sequence->is_finished; });
}

}  // namespace braid
