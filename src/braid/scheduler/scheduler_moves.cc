// The part of Scheduler for sequences that move to another group while they decode, and for prefixes that groups copy
// from each other.
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
  departed_.push_back(
      {.request = sequence.id, .pages = std::move(sequence.pages), .num_tokens = sequence.num_tokens()});
  sequences_.erase(found);
  return departure;
}

std::optional<Departure> Scheduler::copy_prefix(RequestId request, std::span<const TokenId> tokens,
                                                int64_t prompt_len) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  PrefixMatch match = kv_.match(PrefixKey(tokens, needs_long_rope(prompt_len)).tokens);
  if (match.num_pages == 0) return std::nullopt;
  const int32_t len = match.num_pages * config_.page_size;
  Departure departure{.sequence = {.request = {.id = request, .prompt = {tokens.begin(), tokens.begin() + len}},
                                   .output = {},
                                   .cached_tokens = len},
                      .pages = ids_of(match.pages)};
  if (departure.num_pages() == 0) return std::nullopt;  // behind a window of one position nothing is read
  departed_.push_back({.request = request, .pages = std::move(match.pages)});
  return departure;
}

void Scheduler::release_departed(RequestId request) {
  std::erase_if(departed_, [&](const Departed& departed) { return departed.request == request; });
}

std::optional<std::vector<std::vector<PageId>>> Scheduler::arrive(const MovedSequence& moved, int32_t num_pages) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  if (num_pages > 0) {
    Arriving arriving{.moved = moved, .pages = kv_.no_pages()};
    const int64_t num_computed = arriving.extent().num_computed;
    CHECK(num_pages == kv_.num_kept(num_computed), "request {}: {} pages for {} tokens", moved.request.id, num_pages,
          num_computed);
    kv_.release_behind(arriving.pages, num_computed);  // nothing behind a window arrives or is held
    if (make_room_for(arriving)) {
      kv_.extend(arriving.pages, num_computed);
      return ids_of(arriving_.emplace_back(std::move(arriving)).pages);
    }
  }
  if (moved.is_prefix()) {
    insert(moved.request);
  } else {
    insert_moved(moved);
  }
  return std::nullopt;
}

void Scheduler::settle(RequestId request) {
  CHECK(!is_in_flight_, "step {} is not committed", next_step_ - 1);
  const auto found = std::ranges::find(arriving_, request, [](const Arriving& own) { return own.moved.request.id; });
  CHECK(found != arriving_.end(), "request {} does not arrive", request);
  if (found->moved.is_prefix()) {
    Arriving arrived = std::move(*found);
    arriving_.erase(found);
    const auto prefix =
        std::span(std::as_const(arrived.moved.request.prompt)).first(static_cast<size_t>(arrived.moved.cached_tokens));
    kv_.cache(PrefixKey(prefix, needs_long_rope(arrived.num_tokens())).tokens, arrived.pages);
    insert(std::move(arrived.moved.request));
    return;
  }
  Sequence& sequence = insert_moved(found->moved);
  sequence.pages = std::move(found->pages);
  sequence.num_computed = sequence.num_tokens() - 1;
  sequence.is_running = true;
  sequence.is_decoding = true;
  arriving_.erase(found);
}

void Scheduler::give_up(RequestId request) {
  std::erase_if(arriving_, [&](const Arriving& own) { return own.moved.request.id == request; });
}

// It takes pages from the prefix cache only, never from a sequence that runs.
bool Scheduler::make_room_for(const Arriving& arriving) {
  if (!has_room_for(arriving.pages, arriving.extent())) return false;
  for (int32_t kv_group = 0; kv_group < kv_.num_kv_groups(); ++kv_group) {
    const int32_t missing = kv_.num_missing(kv_group, arriving.pages, arriving.extent().num_computed);
    if (missing > 0 && !kv_.make_free(kv_group, missing)) return false;
  }
  return true;
}

Scheduler::Sequence& Scheduler::insert_moved(const MovedSequence& moved) {
  Sequence& sequence = insert(moved.request);
  sequence.tokens.insert(sequence.tokens.end(), moved.output.begin(), moved.output.end());
  sequence.cached_tokens = moved.cached_tokens;
  sequence.next_scored = sequence.num_prompt_tokens;
  sequence.has_started = true;
  sequence.has_long_rope = needs_long_rope(sequence.num_tokens());
  return sequence;
}

}  // namespace braid
