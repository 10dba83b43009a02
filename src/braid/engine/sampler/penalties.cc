#include "braid/engine/sampler/penalties.h"

#include <limits>

#include "braid/base/function_ref.h"

namespace braid {
namespace {

// Calls visit(token, count) once for each different token of the lists that lies in the row. Leaves `counts` zero.
void for_each_token(size_t row_size, std::initializer_list<std::span<const TokenId>> lists,
                    std::vector<int32_t>& counts, FunctionRef<void(size_t token, int32_t count)> visit) {
  if (counts.size() < row_size) counts.resize(row_size, 0);
  const auto is_in_row = [&](TokenId token) { return token >= 0 && static_cast<size_t>(token) < row_size; };
  for (const auto list : lists) {
    for (const TokenId token : list) {
      if (is_in_row(token)) ++counts[static_cast<size_t>(token)];
    }
  }
  for (const auto list : lists) {
    for (const TokenId token : list) {
      if (!is_in_row(token)) continue;
      int32_t& count = counts[static_cast<size_t>(token)];
      if (count == 0) continue;
      visit(static_cast<size_t>(token), count);
      count = 0;
    }
  }
}

bool forbids_stopping(const SamplingState& state) {
  return state.num_output_tokens < state.params.min_new_tokens && !state.params.stop_token_ids.empty();
}

}  // namespace

bool adjusts_logits(const SamplingState& state) {
  const SamplingParams& params = state.params;
  return params.repetition_penalty != 1.0F || params.presence_penalty != 0.0F || params.frequency_penalty != 0.0F ||
         !params.logit_bias.empty() || forbids_stopping(state);
}

void adjust_logits(std::span<float> row, const SamplingState& state, std::vector<int32_t>& counts) {
  const SamplingParams& params = state.params;
  if (params.repetition_penalty != 1.0F) {
    for_each_token(row.size(), {state.prompt_tokens, state.output_tokens}, counts, [&](size_t token, int32_t) {
      float& logit = row[token];
      logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    });
  }
  if (params.presence_penalty != 0.0F || params.frequency_penalty != 0.0F) {
    for_each_token(row.size(), {state.output_tokens}, counts, [&](size_t token, int32_t count) {
      row[token] -= params.presence_penalty + params.frequency_penalty * static_cast<float>(count);
    });
  }
  for (const auto& [token, bias] : params.logit_bias) {
    if (token >= 0 && static_cast<size_t>(token) < row.size()) row[static_cast<size_t>(token)] += bias;
  }
  if (forbids_stopping(state)) {
    for (const TokenId token : params.stop_token_ids) {
      if (token < 0 || static_cast<size_t>(token) >= row.size()) continue;
      row[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace braid
