#include "braid/worker/sampler/penalties.h"

#include <algorithm>

#include "braid/base/function_ref.h"
#include "braid/worker/sampler/row_scan.h"

namespace braid {
namespace {

// Calls visit(token, count) once for each distinct token of the lists that lies in the row. Leaves `counts` zero.
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

// Whether a token other than these can still be chosen.
bool has_other(std::span<const float> row, std::span<const TokenId> tokens) {
  for (size_t token = 0; token < row.size(); ++token) {
    if (row[token] == kMinusInfinity) continue;
    if (std::ranges::find(tokens, static_cast<TokenId>(token)) == tokens.end()) return true;
  }
  return false;
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
  if (forbids_stopping(state) && (!state.is_masked || has_other(row, params.stop_token_ids))) {
    for (const TokenId token : params.stop_token_ids) {
      if (token < 0 || static_cast<size_t>(token) >= row.size()) continue;
      row[static_cast<size_t>(token)] = kMinusInfinity;
    }
  }
}

void copy_masked(std::span<const float> logits, std::span<const uint32_t> mask, std::span<float> row) {
  constexpr size_t kWordBits = 32;
  for (size_t first = 0; first < logits.size(); first += kWordBits) {
    const size_t count = std::min(kWordBits, logits.size() - first);
    const uint32_t word = first / kWordBits < mask.size() ? mask[first / kWordBits] : 0;
    if (word == 0) {  // most words of a mask hold nothing or everything
      std::fill_n(row.begin() + static_cast<ptrdiff_t>(first), count, kMinusInfinity);
    } else if (word == UINT32_MAX) {
      std::copy_n(logits.begin() + static_cast<ptrdiff_t>(first), count, row.begin() + static_cast<ptrdiff_t>(first));
    } else {
      for (size_t bit = 0; bit < count; ++bit) {
        row[first + bit] = (word >> bit & 1) != 0 ? logits[first + bit] : kMinusInfinity;
      }
    }
  }
}

}  // namespace braid
