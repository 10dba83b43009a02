#include "braid/engine/model_runner.h"

#include <algorithm>
#include <numeric>

namespace braid {

ModelRunner::ModelRunner(RunnerParts parts) : parts_(parts), scratch_(static_cast<size_t>(parts.num_threads)) {
  for (int32_t layer = 0; layer < parts_.kv_cache.num_layers(); ++layer) {
    kv_layers_.push_back(parts_.kv_cache.layer(layer));
  }
}

StepResult ModelRunner::execute(const StepPlan& plan, TokenMasks* masks) {
  const Rows hidden = forward(plan);

  const auto num_results = static_cast<size_t>(std::ranges::count_if(plan.sequences, &SequencePlan::has_result));
  StepResult result{.step = plan.step, .sequences = std::vector<SequenceResult>(num_results)};
  std::vector<SampledRow> sampled;
  std::vector<ScoredRow> scored;
  auto out = result.sequences.begin();
  for (size_t i = 0; i < plan.sequences.size(); ++i) {
    const SequencePlan& sequence = plan.sequences[i];
    if (!sequence.has_result()) continue;
    out->request = sequence.request;
    const auto first_row = static_cast<int32_t>(sequences_[i].first_row);
    if (sequence.samples) sampled.push_back({first_row + sequences_[i].num_new - 1, &sequence, &*out});
    const PromptScoring& scoring = sequence.scoring;
    out->prompt_logprobs.resize(scoring.tokens.size());
    for (size_t j = 0; j < scoring.tokens.size(); ++j) {
      scored.push_back({first_row + scoring.first_new + static_cast<int32_t>(j), &scoring, j, &*out});
    }
    ++out;
  }
  score_rows(hidden, scored);
  sample_rows(hidden, sampled, masks);
  return result;
}

void ModelRunner::sample_rows(Rows hidden, std::span<const SampledRow> rows, TokenMasks* masks) {
  for_each_row(hidden, rows, [&](const SampledRow& row, std::span<const float> logits, SamplerScratch& scratch) {
    TokenMask mask;
    const SamplingState& sampling = row.sequence->sampling;
    if (sampling.is_masked) {
      CHECK(masks != nullptr, "request {} is masked, and nobody has its mask", row.sequence->request);
      auto found = masks->wait_for(row.sequence->request, sampling.num_output_tokens);
      if (!found.ok()) {
        row.result->error = found.error().message;
        return;
      }
      mask = *std::move(found);
    }
    auto sampled = sample(logits, sampling, scratch, mask ? std::span(*mask) : std::span<const uint32_t>());
    if (sampled.ok()) {
      row.result->sampled = std::move(sampled).value();
    } else {
      row.result->error = sampled.error().message;
    }
  });
}

void ModelRunner::score_rows(Rows hidden, std::span<ScoredRow> rows) {
  for_each_row(hidden, rows, [](ScoredRow& row, std::span<const float> logits, SamplerScratch& scratch) {
    auto scored = score(logits, row.scoring->tokens[row.index], row.scoring->top_logprobs, scratch);
    if (scored.ok()) {
      row.result->prompt_logprobs[row.index] = std::move(scored).value();
    } else {
      row.error = scored.error().message;  // not yet the result's: its rows may be on several threads
    }
  });
  for (ScoredRow& row : rows) {
    if (row.result->error.empty()) row.result->error = std::move(row.error);
  }
}

// Rows go to the threads in turn, each with scratch memory of its own.
template <typename Row, typename Judge>
void ModelRunner::for_each_row(Rows hidden, std::span<Row> rows, const Judge& judge) {
  const auto chunk = static_cast<size_t>(parts_.workspace.logit_input.max_rows());
  const auto num_slots = static_cast<int64_t>(scratch_.size());
  std::vector<int32_t> chosen;
  for (size_t first = 0; first < rows.size(); first += chunk) {
    const std::span<Row> part = rows.subspan(first, std::min(chunk, rows.size() - first));
    chosen.clear();
    for (const auto& row : part) chosen.push_back(row.row);
    const ConstRows logits = logits_of(hidden, chosen);
    parts_.ops.parallel_for(num_slots, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        for (int64_t i = slot; i < logits.rows; i += num_slots) {
          judge(part[static_cast<size_t>(i)], {logits.row<float>(i), static_cast<size_t>(logits.cols)},
                scratch_[static_cast<size_t>(slot)]);
        }
      }
    });
  }
}

void ModelRunner::for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t, std::span<const float>)> visit) {
  const Rows hidden = forward(plan);
  const int64_t chunk = parts_.workspace.logit_input.max_rows();
  for (int64_t first = 0; first < hidden.rows; first += chunk) {
    std::vector<int32_t> rows(static_cast<size_t>(std::min(chunk, hidden.rows - first)));
    std::iota(rows.begin(), rows.end(), static_cast<int32_t>(first));
    const ConstRows logits = logits_of(hidden, rows);
    for (int64_t i = 0; i < logits.rows; ++i) {
      visit(first + i, {logits.row<float>(i), static_cast<size_t>(logits.cols)});
    }
  }
}

Rows ModelRunner::forward(const StepPlan& plan) {
  parts_.workspace.touched_experts = 0;
  ids_.clear();
  positions_.clear();
  sequences_.clear();
  for (const SequencePlan& sequence : plan.sequences) {
    CHECK(!sequence.new_tokens.empty() && sequence.page_tables.size() == 1, "request {}: {} new tokens, {} page tables",
          sequence.request, sequence.new_tokens.size(), sequence.page_tables.size());
    sequences_.push_back({.first_row = static_cast<int64_t>(ids_.size()),
                          .num_new = static_cast<int32_t>(sequence.new_tokens.size()),
                          .first_position = sequence.first_position,
                          .pages = sequence.page_tables[0].pages});
    ids_.insert(ids_.end(), sequence.new_tokens.begin(), sequence.new_tokens.end());
    for (size_t i = 0; i < sequence.new_tokens.size(); ++i) {
      positions_.push_back(sequence.first_position + static_cast<int32_t>(i));
    }
    parts_.kv_cache.commit(sequence.page_tables[0].pages);
  }
  Step step = prepared_step();
  return parts_.model.forward(step, ids_);
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
          .positions = positions_};
}

}  // namespace braid
