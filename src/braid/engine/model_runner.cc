#include "braid/engine/model_runner.h"

#include <algorithm>
#include <numeric>

namespace braid {

ModelRunner::ModelRunner(RunnerParts parts) : parts_(parts), scratch_(static_cast<size_t>(parts.num_threads)) {
  for (int32_t layer = 0; layer < parts_.kv_cache.num_layers(); ++layer) {
    kv_layers_.push_back(parts_.kv_cache.layer(layer));
  }
}

StepResult ModelRunner::execute(const StepPlan& plan) {
  const Rows hidden = forward(plan);

  std::vector<const SequencePlan*> sampling;
  std::vector<int64_t> rows;
  for (size_t i = 0; i < plan.sequences.size(); ++i) {
    if (!plan.sequences[i].samples) continue;
    sampling.push_back(&plan.sequences[i]);
    rows.push_back(sequences_[i].first_row + sequences_[i].num_new - 1);
  }

  StepResult result{.step = plan.step, .sequences = std::vector<SequenceResult>(rows.size())};
  const auto chunk = static_cast<size_t>(parts_.workspace.logits.max_rows());
  for (size_t first = 0; first < rows.size(); first += chunk) {
    const size_t count = std::min(chunk, rows.size() - first);
    const Rows logits = logits_of(hidden, std::span(rows).subspan(first, count));
    sample_rows(logits, std::span(sampling).subspan(first, count), std::span(result.sequences).subspan(first, count));
  }
  return result;
}

// Rows go to the threads in turn, each with scratch memory of its own.
void ModelRunner::sample_rows(ConstRows logits, std::span<const SequencePlan* const> sequences,
                              std::span<SequenceResult> results) {
  const auto num_slots = static_cast<int64_t>(scratch_.size());
  parts_.ops.parallel_for(num_slots, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      for (int64_t row = slot; row < logits.rows; row += num_slots) {
        const SequencePlan& sequence = *sequences[static_cast<size_t>(row)];
        SequenceResult& out = results[static_cast<size_t>(row)];
        out.request = sequence.request;
        auto sampled = sample({logits.row<float>(row), static_cast<size_t>(logits.cols)}, sequence.sampling,
                              scratch_[static_cast<size_t>(slot)]);
        if (sampled.ok()) {
          out.sampled = std::move(sampled).value();
        } else {
          out.error = sampled.error().message;
        }
      }
    }
  });
}

void ModelRunner::for_each_logits(const StepPlan& plan, FunctionRef<void(int64_t, std::span<const float>)> visit) {
  const Rows hidden = forward(plan);
  const int64_t chunk = parts_.workspace.logits.max_rows();
  for (int64_t first = 0; first < hidden.rows; first += chunk) {
    std::vector<int64_t> rows(static_cast<size_t>(std::min(chunk, hidden.rows - first)));
    std::iota(rows.begin(), rows.end(), first);
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
  Step step{.ops = parts_.ops,
            .exchange = parts_.exchange,
            .attention_backend = parts_.attention_backend,
            .workspace = parts_.workspace,
            .kv_layers = kv_layers_,
            .sequences = sequences_,
            .positions = positions_};
  return parts_.model.forward(step, ids_);
}

Rows ModelRunner::logits_of(Rows hidden, std::span<const int64_t> rows) {
  return parts_.model.logits(parts_.ops, parts_.workspace, hidden, rows);
}

}  // namespace braid
