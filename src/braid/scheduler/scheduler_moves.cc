// The part of Scheduler for sequences that move to another group while they decode.
#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/scheduler/scheduler.h"
#include "braid/scheduler/sequence.h"

namespace braid {
namespace {

std::vector<std::vector<PageId>> ids_of(const SequencePages& pages) {
  std::vector<std::vector<PageId>> ids;
  for (const PageRun& run : pages) ids.emplace_back(run.pages.ids().begin(), run.pages.ids().end());
  return ids;
}

}  // namespace

std::optional<Departure> Scheduler::depart(RequestId request) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  const auto found = std::ranges::find_if(sequences_, [&](const auto& other) { return other->id == request; });
  if (found == sequences_.end()) return std::nullopt;
  Sequence& sequence = **found;
  // Once its recomputation has begun, the sequence stays until it decodes again.
  const bool waits = !sequence.is_running && sequence.num_output_tokens() > 0;
  if (!sequence.is_decoding && !waits) return std::nullopt;
  cache_full_pages(sequence);
  const auto prompt_end = sequence.tokens.begin() + sequence.num_prompt_tokens;
  Departure departure{.sequence = {.request = {.id = sequence.id,
                                               .prompt = {sequence.tokens.begin(), prompt_end},
                                               .sampling = sequence.sampling,
                                               .priority = sequence.priority,
                                               .arrival = sequence.arrival,
                                               .is_masked = sequence.is_masked},
                                   .output = {prompt_end, sequence.tokens.end()},
                                   .cached_tokens = sequence.cached_tokens},
                      .pages = ids_of(sequence.pages)};
  departed_.push_back(std::move(sequence.pages));
  sequences_.erase(found);
  return departure;
}

std::optional<std::vector<std::vector<PageId>>> Scheduler::arrive(const MovedSequence& moved, int32_t num_pages) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  CHECK(!moved.output.empty(), "request {} has not decoded yet", moved.request.id);
  Sequence& sequence = insert(moved.request);
  sequence.tokens.insert(sequence.tokens.end(), moved.output.begin(), moved.output.end());
  sequence.cached_tokens = moved.cached_tokens;
  sequence.next_scored = sequence.num_prompt_tokens;
  sequence.has_started = true;
  sequence.has_long_rope = needs_long_rope(sequence.num_tokens());
  const int64_t num_computed = sequence.num_tokens() - 1;
  if (num_pages == 0) return std::nullopt;
  CHECK(num_pages == kv_.num_kept(num_computed), "request {}: {} pages for {} tokens", sequence.id, num_pages,
        num_computed);
  // Nothing behind a window arrives or is held.
  kv_.release_behind(sequence.pages, num_computed);
  const bool has_room =
      has_room_for(sequence.pages, {.num_tokens = sequence.num_tokens(), .num_computed = num_computed}) &&
      grow(sequence, num_computed);
  if (!has_room) {
    sequence.release_pages();
    return std::nullopt;
  }
  sequence.num_computed = num_computed;
  sequence.is_running = true;
  sequence.is_decoding = true;
  return ids_of(sequence.pages);
}

}  // namespace braid
