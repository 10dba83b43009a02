#include "braid/wire/step_plan_codec.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "braid/wire/flat_parts.h"
#include "braid/wire/image_span_codec.h"
#include "braid/wire/move_codec.h"
#include "braid/wire/sampling_codec.h"
#include "braid/wire/step_plan_generated.h"

namespace braid {
namespace {

namespace format = step_plan_format;
using flat::Builder;
using flat::decode_ids;
using flat::Offset;

// The deepest is Plan > Sequence > PageTable; a deeper FlatBuffer is not one of ours.
constexpr flatbuffers::uoffset_t kMaxDepth = 8;

flatbuffers::Offset<flatbuffers::Vector<const format::ImageSpan*>> encode_spans(Builder& builder,
                                                                                std::span<const ImageSpan> images) {
  if (images.empty()) return {};
  std::vector<format::ImageSpan> spans;
  spans.reserve(images.size());
  for (const ImageSpan& image : images) spans.push_back(encode_span(image));
  return builder.CreateVectorOfStructs(spans);
}

Offset<format::Sequence> encode_sequence(Builder& builder, const SequencePlan& sequence) {
  std::vector<Offset<format::PageTable>> tables;
  for (const PageTable& table : sequence.page_tables) {
    tables.push_back(format::CreatePageTable(builder, builder.CreateVector(table.pages), table.first_page));
  }
  const auto tables_at = builder.CreateVector(tables);
  const auto tokens_at = builder.CreateVector(sequence.new_tokens);
  const auto images_at = encode_spans(builder, sequence.images);
  Offset<format::Sampling> sampling_at;
  if (sequence.samples) sampling_at = encode_sampling(builder, sequence.sampling);
  Offset<format::Scoring> scoring_at;
  if (const PromptScoring& scoring = sequence.scoring; !scoring.tokens.empty()) {
    const auto scored_at = builder.CreateVector(scoring.tokens);
    scoring_at = format::CreateScoring(builder, scoring.first_new, scored_at, scoring.top_logprobs);
  }
  return format::CreateSequence(builder, sequence.request, tokens_at, sequence.first_position, tables_at, sampling_at,
                                scoring_at, sequence.has_long_rope, images_at);
}

// For new tokens up to index `end`.
Result<std::vector<ImageSpan>> decode_spans(const flatbuffers::Vector<const format::ImageSpan*>* from, int64_t end,
                                            const StepPlanLimits& limits) {
  std::vector<ImageSpan> images;
  if (from == nullptr) return images;
  int64_t free_from = 0;
  for (const format::ImageSpan* one : *from) {
    const ImageSpan& image = images.emplace_back(decode_span(*one));
    const auto is_side = [&](int32_t side) { return side >= 1 && side <= limits.context_len; };
    const bool is_grid = is_side(one->frames()) && is_side(one->rows()) && is_side(one->cols()) &&
                         int64_t{one->frames()} * one->rows() <= limits.context_len &&
                         image.grid.count() <= limits.context_len;
    if (!is_grid) {
      return fail("image {} has {} x {} x {} tokens, the context is {}", images.size() - 1, one->frames(), one->rows(),
                  one->cols(), limits.context_len);
    }
    if (image.first < free_from || image.first >= end) {
      return fail("image {} begins at token {}, must be in [{}, {})", images.size() - 1, image.first, free_from, end);
    }
    if (image.time < 0 || image.positions_end() > limits.context_len) {
      return fail("image {} has the time {} at token {}, the context is {}", images.size() - 1, image.time, image.first,
                  limits.context_len);
    }
    if (image.continues_video && (images.size() == 1 || image.first != free_from)) {
      return fail("image {} at token {} continues a video that ends at {}", images.size() - 1, image.first, free_from);
    }
    free_from = image.first + image.grid.count();
    if (free_from > limits.context_len) {
      return fail("image {} ends at token {}, the context is {}", images.size() - 1, free_from, limits.context_len);
    }
  }
  return images;
}

// Decodes tokens of the sequence from index `first` on: placeholders in its images, elsewhere of the vocabulary.
Result<std::vector<TokenId>> decode_sequence_tokens(const flat::Ints* from, std::string_view what, int64_t max_count,
                                                    int64_t first, std::span<const ImageSpan> images,
                                                    int32_t vocab_size) {
  if (images.empty()) return decode_ids(from, what, max_count, vocab_size);
  TRY_STATUS(flat::check_count(from, what, max_count));
  std::vector<TokenId> tokens = flat::copy_of(from);
  auto image = images.begin();
  for (size_t i = 0; i < tokens.size(); ++i) {
    const int64_t index = first + static_cast<int64_t>(i);
    while (image != images.end() && image->end() <= index) ++image;
    const bool is_in_image = image != images.end() && image->first <= index;
    if (is_in_image != is_placeholder(tokens[i])) {
      return fail("{}: {} is {} an image", what, tokens[i], is_in_image ? "in" : "outside of");
    }
    if (tokens[i] >= vocab_size) return fail("{}: {} is not in [0, {})", what, tokens[i], vocab_size);
  }
  return tokens;
}

Result<PromptScoring> decode_scoring(const format::Scoring& from, const SequencePlan& sequence,
                                     const StepPlanLimits& limits) {
  const auto num_new = static_cast<int64_t>(sequence.new_tokens.size());
  PromptScoring scoring;
  scoring.first_new = from.first_new();
  const int64_t first_scored = int64_t{sequence.first_position} + scoring.first_new + 1;
  TRY(scoring.tokens, decode_sequence_tokens(from.tokens(), "scored tokens", num_new, first_scored, sequence.images,
                                             limits.vocab_size));
  const int64_t end = int64_t{scoring.first_new} + static_cast<int64_t>(scoring.tokens.size());
  if (scoring.first_new < 0 || end > num_new || scoring.tokens.empty()) {
    return fail("scores by new tokens {} to {}, there are {}", scoring.first_new, end, num_new);
  }
  scoring.top_logprobs = from.top_logprobs();
  if (scoring.top_logprobs < 0 || scoring.top_logprobs > limits.vocab_size) {
    return fail("{} alternatives to a scored token, the vocabulary is {}", scoring.top_logprobs, limits.vocab_size);
  }
  return scoring;
}

// For new tokens at [first_position, end).
Result<PageTable> decode_table(const format::PageTable& from, int64_t first_position, int64_t end,
                               const KvGroupLimits& kv_group, int32_t page_size) {
  PageTable table{.first_page = from.first_page()};
  const int64_t first_seen = kv_group.window == 0 ? 0 : std::max<int64_t>(0, first_position - kv_group.window + 1);
  if (table.first_page < 0 || int64_t{table.first_page} * page_size > first_seen) {
    return fail("pages from {} on, position {} is seen", table.first_page, first_seen);
  }
  const int64_t num_pages = (end + page_size - 1) / page_size - table.first_page;
  TRY(table.pages, decode_ids(from.pages(), "pages", num_pages, kv_group.num_pages));
  if (std::cmp_not_equal(table.pages.size(), num_pages)) {
    return fail("{} pages for {} positions, not {}", table.pages.size(), end, num_pages);
  }
  return table;
}

Result<SequencePlan> decode_sequence(const format::Sequence& from, const StepPlanLimits& limits) {
  SequencePlan sequence;
  sequence.request = from.request();
  TRY_STATUS(flat::check_count(from.new_tokens(), "new tokens", limits.max_step_tokens));
  const int64_t num_new = from.new_tokens() == nullptr ? 0 : from.new_tokens()->size();
  if (num_new == 0) return fail("no new tokens");
  sequence.first_position = from.first_position();
  const int64_t end = int64_t{sequence.first_position} + num_new;
  if (sequence.first_position < 0 || end > limits.context_len) {
    return fail("positions {} to {}, the context is {}", sequence.first_position, end, limits.context_len);
  }
  TRY(sequence.images, decode_spans(from.images(), end, limits));
  TRY(sequence.new_tokens, decode_sequence_tokens(from.new_tokens(), "new tokens", limits.max_step_tokens,
                                                  sequence.first_position, sequence.images, limits.vocab_size));
  const auto num_tables = from.page_tables() == nullptr ? 0 : from.page_tables()->size();
  if (num_tables != limits.kv_groups.size()) {
    return fail("{} page tables, {} KV groups", num_tables, limits.kv_groups.size());
  }
  for (uint32_t kv_group = 0; kv_group < num_tables; ++kv_group) {
    TRY(PageTable table, decode_table(*from.page_tables()->Get(kv_group), sequence.first_position, end,
                                      limits.kv_groups[kv_group], limits.page_size));
    sequence.page_tables.push_back(std::move(table));
  }
  sequence.has_long_rope = from.has_long_rope();
  sequence.samples = from.sampling() != nullptr;
  if (sequence.samples) {
    TRY(sequence.sampling, decode_sampling_state(*from.sampling(), limits.vocab_size, limits.context_len));
  }
  if (from.scoring() != nullptr) {
    TRY(sequence.scoring, decode_scoring(*from.scoring(), sequence, limits));
  }
  return sequence;
}

using MovedPagesList = flatbuffers::Vector<Offset<format::MovedPages>>;

Offset<MovedPagesList> encode_moved(Builder& builder, const std::vector<MovedPages>& moved) {
  std::vector<Offset<format::MovedPages>> list;
  for (const MovedPages& own : moved) {
    const format::Move move = encode_move(own.move);
    std::vector<Offset<format::PageTable>> tables;
    for (const auto& pages : own.pages) {
      tables.push_back(format::CreatePageTable(builder, builder.CreateVector(pages)));
    }
    const auto tables_at = flat::add_list(builder, tables);
    list.push_back(format::CreateMovedPages(builder, &move, tables_at, own.piece));
  }
  return flat::add_list(builder, list);
}

Result<std::vector<MovedPages>> decode_moved(const MovedPagesList* from, bool may_drop, const StepPlanLimits& limits) {
  TRY_STATUS(flat::check_count(from, "moves", limits.max_moves));
  std::vector<MovedPages> moved;
  if (from == nullptr) return moved;
  for (const format::MovedPages* one : *from) {
    MovedPages& own = moved.emplace_back();
    TRY(own.move, decode_move(one->move(), limits.num_groups));
    const int64_t context_pages = (limits.context_len + limits.page_size - 1) / limits.page_size;
    const int64_t most = context_pages * std::ssize(limits.kv_groups);
    if (own.move.num_pages < 1 || own.move.num_pages > most) {
      return fail("move {} of {} pages, the context has {}", own.move.id, own.move.num_pages, most);
    }
    own.piece = one->piece();
    if (own.piece < 0 || own.piece >= own.move.num_pages) {
      return fail("piece {} of move {}, which has {} pages", own.piece, own.move.id, own.move.num_pages);
    }
    const auto num_kv_groups = one->tables() == nullptr ? 0 : one->tables()->size();
    if (may_drop && num_kv_groups == 0) continue;
    if (num_kv_groups != limits.kv_groups.size()) {
      return fail("move {} of {} KV groups, there are {}", own.move.id, num_kv_groups, limits.kv_groups.size());
    }
    size_t num_pages = 0;
    for (uint32_t kv_group = 0; kv_group < num_kv_groups; ++kv_group) {
      TRY(own.pages.emplace_back(), decode_ids(one->tables()->Get(kv_group)->pages(), "pages that move",
                                               own.move.num_pages, limits.kv_groups[kv_group].num_pages));
      num_pages += own.pages.back().size();
    }
    if (num_pages == 0 || std::cmp_greater(num_pages, own.move.num_pages)) {
      return fail("piece {} of move {} has {} pages, the move {}", own.piece, own.move.id, num_pages,
                  own.move.num_pages);
    }
  }
  return moved;
}

}  // namespace

std::vector<std::byte> encode(const StepPlan& plan) {
  Builder builder(1024);
  std::vector<Offset<format::Sequence>> sequences;
  sequences.reserve(plan.sequences.size());
  for (const SequencePlan& sequence : plan.sequences) sequences.push_back(encode_sequence(builder, sequence));
  const auto sequences_at = builder.CreateVector(sequences);
  const auto leaving_at = encode_moved(builder, plan.leaving);
  const auto arriving_at = encode_moved(builder, plan.arriving);
  format::FinishPlanBuffer(builder, format::CreatePlan(builder, plan.step, sequences_at, leaving_at, arriving_at));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

Result<StepPlan> decode_step_plan(std::span<const std::byte> bytes, const StepPlanLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("a step plan of {} bytes, at most {}", bytes.size(), limits.max_bytes);
  }
  const flat::AlignedBytes aligned(bytes);
  const int64_t num_kv_groups = std::ssize(limits.kv_groups);
  const auto max_tables = static_cast<flatbuffers::uoffset_t>(1 + limits.max_sequences * (3 + num_kv_groups) +
                                                              2 * limits.max_moves * (1 + num_kv_groups));
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kMaxDepth, max_tables);
  if (!format::VerifyPlanBuffer(verifier)) return fail("a step plan of {} bytes is malformed", bytes.size());

  const format::Plan* from = format::GetPlan(aligned.data());
  StepPlan plan;
  plan.step = from->step();
  for (const auto& [list, may_drop, moved] :
       {std::tuple(from->leaving(), false, &plan.leaving), std::tuple(from->arriving(), true, &plan.arriving)}) {
    auto decoded = decode_moved(list, may_drop, limits);
    if (!decoded.ok()) return fail("step {}: {}", plan.step, decoded.error().message);
    *moved = std::move(decoded).value();
  }
  if (from->sequences() == nullptr) return plan;
  if (static_cast<int64_t>(from->sequences()->size()) > limits.max_sequences) {
    return fail("a step plan of {} sequences, at most {}", from->sequences()->size(), limits.max_sequences);
  }
  std::unordered_set<RequestId> requests;
  for (const format::Sequence* sequence : *from->sequences()) {
    auto decoded = decode_sequence(*sequence, limits);
    if (!decoded.ok()) return fail("step {}, request {}: {}", plan.step, sequence->request(), decoded.error().message);
    if (!requests.insert(sequence->request()).second) {
      return fail("step {} lists request {} twice", plan.step, sequence->request());
    }
    plan.sequences.push_back(std::move(decoded).value());
  }
  if (plan.num_tokens() > limits.max_step_tokens) {
    return fail("step {} has {} tokens, at most {}", plan.step, plan.num_tokens(), limits.max_step_tokens);
  }
  return plan;
}

}  // namespace braid
