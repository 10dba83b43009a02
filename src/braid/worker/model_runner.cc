#include "braid/worker/model_runner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace braid {
namespace {

// Whether the model computed what is no number to choose by, whatever a request's parameters do to it.
bool are_bad(std::span<const float> logits) {
  return std::ranges::any_of(logits, [](float logit) { return std::isnan(logit) || logit == INFINITY; });
}

// Cuts the sequence's new tokens into text, which sees what is before it, and images, whose tokens see each other. All
// of a layer's keys and values are written before any of these attends.
void append_around_images(const SequencePlan& sequence, const AttentionSequence& whole,
                          std::vector<AttentionSequence>& sequences) {
  const int64_t first = sequence.first_position;
  const int64_t end = first + whole.num_new;
  int64_t done = first;
  const auto append_until = [&](int64_t index, bool is_image) {
    if (index <= done) return;
    AttentionSequence cut = whole;
    cut.first_row += done - first;
    cut.first_position += static_cast<int32_t>(done - first);
    cut.num_new = static_cast<int32_t>(index - done);
    cut.is_bidirectional = is_image;
    sequences.push_back(cut);
    done = index;
  };
  for (const ImageSpan& image : sequence.images) {
    if (image.end() <= first) continue;
    CHECK(image.end() <= end, "request {}: a step ends at token {}, within the image at {}", sequence.request, end,
          image.first);
    append_until(image.first, false);
    append_until(image.end(), true);
  }
  append_until(end, false);
}

}  // namespace

ModelRunner::ModelRunner(RunnerParts parts)
    : parts_(parts),
      scratch_(static_cast<size_t>(parts.team.size())),
      sequences_(static_cast<size_t>(parts.kv_cache.kv_groups().count())) {
  for (int32_t layer = 0; layer < parts_.kv_cache.num_layers(); ++layer) {
    kv_layers_.push_back(parts_.kv_cache.layer(layer));
  }
}

StepResult ModelRunner::execute(const StepPlan& plan, TokenMasks* masks, int64_t num_logit_rows) {
  for (const SequencePlan& sequence : plan.sequences) {
    if (masks == nullptr || !sequence.samples || !sequence.sampling.is_masked) continue;
    masks->expect(sequence.request, sequence.sampling.num_output_tokens);
  }
  const Rows hidden = forward(plan);
  StepResult result{.step = plan.step, .sequences = {}};
  std::vector<WantedRow> rows = wanted_rows(plan, result);
  if (choose_largest(hidden, rows)) return result;
  for_each_row(hidden, rows, num_logit_rows,
               [&](WantedRow& row, std::span<const float> logits, SamplerScratch& scratch) {
                 if (row.scoring != nullptr) {
                   score_row(row, logits, scratch);
                 } else {
                   sample_row(row, logits, scratch, masks);
                 }
               });
  for (WantedRow& row : rows) {
    if (row.result->error.empty()) row.result->error = std::move(row.error);
    if (row.has_bad_logits) row.result->has_bad_logits = true;
  }
  return result;
}

void ModelRunner::follow(const StepPlan& plan, int64_t num_logit_rows) {
  const Rows hidden = forward(plan);
  StepResult result;
  const std::vector<WantedRow> rows = wanted_rows(plan, result);
  for_each_chunk(hidden, rows, num_logit_rows, [](size_t, ConstRows) {});
}

// Ascending rows: each sequence's scored rows, then its last row, if that is sampled.
std::vector<ModelRunner::WantedRow> ModelRunner::wanted_rows(const StepPlan& plan, StepResult& result) const {
  result.sequences.resize(static_cast<size_t>(std::ranges::count_if(plan.sequences, &SequencePlan::has_result)));
  std::vector<WantedRow> rows;
  auto out = result.sequences.begin();
  int32_t end_row = 0;
  for (const SequencePlan& sequence : plan.sequences) {
    const int32_t first_row = end_row;
    end_row += static_cast<int32_t>(sequence.new_tokens.size());
    if (!sequence.has_result()) continue;
    out->request = sequence.request;
    const PromptScoring& scoring = sequence.scoring;
    out->prompt_logprobs.resize(scoring.tokens.size());
    for (size_t j = 0; j < scoring.tokens.size(); ++j) {
      if (is_placeholder(scoring.tokens[j])) {  // nothing to score
        out->prompt_logprobs[j].token = scoring.tokens[j];
        continue;
      }
      const int32_t row = first_row + scoring.first_new + static_cast<int32_t>(j);
      rows.push_back({.row = row, .sequence = &sequence, .scoring = &scoring, .index = j, .result = &*out});
    }
    if (sequence.samples) {
      rows.push_back({.row = end_row - 1, .sequence = &sequence, .result = &*out});
    }
    ++out;
  }
  return rows;
}

// If all rows need only their most likely token, the head's product need not be written to memory (19 MB for 32 rows of
// 150 000 tokens). Returns false if some row needs more, or has no largest value: then sample() reports the error.
bool ModelRunner::choose_largest(Rows hidden, std::span<const WantedRow> rows) {
  const auto is_greedy = [](const WantedRow& row) {
    return row.scoring == nullptr && !row.sequence->sampling.is_masked && takes_largest(row.sequence->sampling);
  };
  if (rows.empty() || !std::ranges::all_of(rows, is_greedy)) return false;
  const auto chunk = static_cast<size_t>(parts_.workspace.logit_input.max_rows());
  std::vector<int32_t> chosen;
  for (size_t first = 0; first < rows.size(); first += chunk) {
    const auto part = rows.subspan(first, std::min(chunk, rows.size() - first));
    chosen.clear();
    for (const WantedRow& row : part) chosen.push_back(row.row);
    maxima_.assign(part.size(), {});
    Step step = prepared_step();
    if (!parts_.model.largest_logits(step, hidden, chosen, maxima_)) return false;
    for (size_t i = 0; i < part.size(); ++i) {
      const RowMax& max = maxima_[i];
      if (max.has_nan || max.index < 0 || std::isinf(max.value)) return false;
      part[i].result->sampled.token = max.index;
    }
  }
  return true;
}

void ModelRunner::sample_row(WantedRow& row, std::span<const float> logits, SamplerScratch& scratch,
                             TokenMasks* masks) {
  TokenMask mask;
  const SamplingState& sampling = row.sequence->sampling;
  if (sampling.is_masked) {
    CHECK(masks != nullptr, "request {} is masked, and nobody has its mask", row.sequence->request);
    auto found = masks->wait_for(row.sequence->request, sampling.num_output_tokens);
    if (!found.ok()) {
      row.error = found.error().message;
      return;
    }
    mask = *std::move(found);
  }
  auto sampled = sample(logits, sampling, scratch, mask ? std::span(*mask) : std::span<const uint32_t>());
  if (sampled.ok()) {
    row.result->sampled = std::move(sampled).value();
  } else {
    row.error = sampled.error().message;
    row.has_bad_logits = are_bad(logits);
  }
}

void ModelRunner::score_row(WantedRow& row, std::span<const float> logits, SamplerScratch& scratch) {
  auto scored = score(logits, row.scoring->tokens[row.index], row.scoring->top_logprobs, scratch);
  if (scored.ok()) {
    row.result->prompt_logprobs[row.index] = std::move(scored).value();
  } else {
    row.error = scored.error().message;
    row.has_bad_logits = are_bad(logits);
  }
}

// Calls take(index of the first row, logits) for as many rows at once as fit; also without rows while another group of
// the world still has some.
void ModelRunner::for_each_chunk(Rows hidden, std::span<const WantedRow> rows, int64_t num_logit_rows,
                                 FunctionRef<void(size_t, ConstRows)> take) {
  const int64_t chunk = parts_.workspace.logit_input.max_rows();
  const int64_t end = std::max(num_logit_rows, static_cast<int64_t>(rows.size()));
  std::vector<int32_t> chosen;
  for (int64_t first = 0; first < end; first += chunk) {
    const size_t begin = std::min(static_cast<size_t>(first), rows.size());
    const auto part = rows.subspan(begin, std::min(static_cast<size_t>(chunk), rows.size() - begin));
    chosen.clear();
    for (const WantedRow& row : part) chosen.push_back(row.row);
    take(begin, logits_of(hidden, chosen));
  }
}

// The threads take the rows in turn, each with scratch memory of its own.
template <typename Judge>
void ModelRunner::for_each_row(Rows hidden, std::span<WantedRow> rows, int64_t num_logit_rows, const Judge& judge) {
  const auto num_slots = static_cast<int64_t>(scratch_.size());
  for_each_chunk(hidden, rows, num_logit_rows, [&](size_t first, ConstRows logits) {
    if (logits.rows == 0) return;
    parts_.ops.parallel_for(num_slots, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        for (int64_t i = slot; i < logits.rows; i += num_slots) {
          judge(rows[first + static_cast<size_t>(i)], {logits.row<float>(i), static_cast<size_t>(logits.cols)},
                scratch_[static_cast<size_t>(slot)]);
        }
      }
    });
  });
}

void ModelRunner::for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t, std::span<const float>)> visit,
                                  int64_t num_logit_rows) {
  const Rows hidden = forward(plan);
  std::vector<WantedRow> rows(static_cast<size_t>(plan.num_tokens()));
  for (size_t i = 0; i < rows.size(); ++i) rows[i].row = static_cast<int32_t>(i);
  for_each_chunk(hidden, rows, num_logit_rows, [&](size_t first, ConstRows logits) {
    for (int64_t i = 0; i < logits.rows; ++i) {
      visit(static_cast<int64_t>(first) + i, {logits.row<float>(i), static_cast<size_t>(logits.cols)});
    }
  });
}

Rows ModelRunner::forward(const StepPlan& plan) {
  parts_.workspace.touched_experts = 0;
  ids_.clear();
  uses_long_rope_.clear();
  images_.clear();
  padded_tables_.clear();
  for (auto& of_group : sequences_) of_group.clear();
  for (const SequencePlan& sequence : plan.sequences) {
    CHECK(!sequence.new_tokens.empty() && sequence.page_tables.size() == sequences_.size(),
          "request {}: {} new tokens, {} page tables", sequence.request, sequence.new_tokens.size(),
          sequence.page_tables.size());
    for (size_t group = 0; group < sequences_.size(); ++group) {
      add_attention_sequences(group, sequence, static_cast<int64_t>(ids_.size()));
    }
    const auto first_row = static_cast<int64_t>(ids_.size());
    ids_.insert(ids_.end(), sequence.new_tokens.begin(), sequence.new_tokens.end());
    uses_long_rope_.insert(uses_long_rope_.end(), sequence.new_tokens.size(), sequence.has_long_rope ? 1 : 0);
    if (!sequence.images.empty()) add_images(sequence, first_row);
  }
  add_positions(plan);
  std::vector<Step> parts;
  const int32_t num_parts = parts_.exchange.num_parts();
  part_memory_.resize(static_cast<size_t>(num_parts));
  for (int32_t part = 0; part < num_parts; ++part) {
    const IndexRange rows = parts_.exchange.part_rows(part, static_cast<int64_t>(ids_.size()));
    parts.push_back(num_parts == 1 ? prepared_step() : part_of_step(rows, part_memory_[static_cast<size_t>(part)]));
  }
  return parts_.model.forward(parts, ids_);
}

void ModelRunner::add_positions(const StepPlan& plan) {
  positions_.clear();
  const auto has_images = [](const SequencePlan& sequence) { return !sequence.images.empty(); };
  const bool in_grid = parts_.has_mrope && std::ranges::any_of(plan.sequences, has_images);
  for (const SequencePlan& sequence : plan.sequences) {
    const int64_t first = sequence.first_position;
    const IndexRange indices{.begin = first, .end = first + static_cast<int64_t>(sequence.new_tokens.size())};
    if (in_grid) {
      append_grid_positions(sequence.images, indices, positions_);
    } else {
      for (int64_t i = indices.begin; i < indices.end; ++i) positions_.times.push_back(static_cast<int32_t>(i));
    }
  }
  if (in_grid && positions_.are_of_text()) {  // decoding behind images
    positions_.rows.clear();
    positions_.cols.clear();
  }
}

// The rows from `first_row` on are the sequence's. A placeholder is looked up as token 0, and the features overwrite
// it.
void ModelRunner::add_images(const SequencePlan& sequence, int64_t first_row) {
  const int64_t first = sequence.first_position;
  const int64_t end = first + static_cast<int64_t>(sequence.new_tokens.size());
  for (const ImageSpan& image : sequence.images) {
    const int64_t begin = std::max<int64_t>(first, image.first);
    const int64_t count = std::min<int64_t>(end, image.end()) - begin;
    if (count <= 0) continue;
    const ImageFeatureRows* const features = image_features_ == nullptr ? nullptr : image_features_->find(image.key);
    CHECK(features != nullptr, "request {}: the features of the image at token {} are missing", sequence.request,
          image.first);
    CHECK(features->embeddings.rows == image.num_tokens(),
          "request {}: the image at token {} has {} tokens and {} rows", sequence.request, image.first,
          image.num_tokens(), features->embeddings.rows);
    const int64_t row = first_row + begin - first;
    images_.push_back(
        {.first_row = row, .num_rows = count, .first_feature = begin - image.first, .features = features});
    std::fill_n(ids_.begin() + row, count, TokenId{0});
  }
}

// A sequence may be cut like a prompt into chunks: in each layer attention of its first rows comes before that of the
// others, and writes the keys and values that those read.
Step ModelRunner::part_of_step(IndexRange rows, PartMemory& memory) {
  auto& [sequences, images] = memory;
  sequences.resize(sequences_.size());
  for (size_t group = 0; group < sequences_.size(); ++group) {
    sequences[group].clear();
    for (const AttentionSequence& whole : sequences_[group]) {
      const int64_t begin = std::max(rows.begin, whole.first_row);
      const int64_t end = std::min(rows.end, whole.first_row + whole.num_new);
      if (begin >= end) continue;
      CHECK(!whole.is_bidirectional, "a step in parts with an image that must be whole");
      AttentionSequence cut = whole;
      cut.first_row = begin - rows.begin;
      cut.num_new = static_cast<int32_t>(end - begin);
      cut.first_position += static_cast<int32_t>(begin - whole.first_row);
      sequences[group].push_back(cut);
    }
  }
  images.clear();
  for (const ImageRows& whole : images_) {
    const int64_t begin = std::max(rows.begin, whole.first_row);
    const int64_t end = std::min(rows.end, whole.first_row + whole.num_rows);
    if (begin >= end) continue;
    images.push_back({.first_row = begin - rows.begin,
                      .num_rows = end - begin,
                      .first_feature = whole.first_feature + begin - whole.first_row,
                      .features = whole.features});
  }
  Step step = prepared_step();
  const auto first = static_cast<size_t>(rows.begin);
  const auto count = static_cast<size_t>(rows.end - rows.begin);
  step.sequences = sequences;
  step.positions = step.positions.subspan(first, count);
  step.uses_long_rope = step.uses_long_rope.subspan(first, count);
  if (!step.grid_rows.empty()) {
    step.grid_rows = step.grid_rows.subspan(first, count);
    step.grid_cols = step.grid_cols.subspan(first, count);
  }
  step.images = images;
  return step;
}

// Where pages behind a window are gone, attention counts positions from the first KV tile that still has a page. Each
// tile's result is the same (Ops::kKvTileTokens). Missing pages of that tile are never read; the table names another
// page in their place.
void ModelRunner::add_attention_sequences(size_t group, const SequencePlan& sequence, int64_t first_row) {
  const PageTable& table = sequence.page_tables[group];
  AttentionSequence attended{.first_row = first_row,
                             .num_new = static_cast<int32_t>(sequence.new_tokens.size()),
                             .first_position = sequence.first_position,
                             .pages = table.pages};
  if (table.first_page > 0) {
    const int32_t page_size = parts_.kv_cache.layer(0).page_size;
    const int32_t pages_of_blocks = std::lcm(page_size, Ops::kKvTileTokens) / page_size;
    const int32_t num_gone = table.first_page % pages_of_blocks;
    attended.first_position -= (table.first_page - num_gone) * page_size;
    if (num_gone > 0) {
      std::vector<PageId>& padded = padded_tables_.emplace_back(static_cast<size_t>(num_gone), table.pages.front());
      padded.insert(padded.end(), table.pages.begin(), table.pages.end());
      attended.pages = padded;
    }
  }
  parts_.kv_cache.commit(parts_.team, table.pages, static_cast<int32_t>(group));
  if (parts_.sees_whole_images && !sequence.images.empty()) {
    append_around_images(sequence, attended, sequences_[group]);
  } else {
    sequences_[group].push_back(attended);
  }
}

ConstRows ModelRunner::logits_of(Rows hidden, std::span<const int32_t> rows) {
  Step step = prepared_step();
  return parts_.model.logits(step, hidden, rows);
}

Step ModelRunner::prepared_step() {
  return {.ops = parts_.ops,
          .exchange = parts_.exchange,
          .attention_backend = parts_.attention_backend,
          .workspace = parts_.workspace,
          .kv_layers = kv_layers_,
          .sequences = sequences_,
          .positions = positions_.times,
          .uses_long_rope = uses_long_rope_,
          .grid_rows = positions_.rows,
          .grid_cols = positions_.cols,
          .images = images_};
}

}  // namespace braid
