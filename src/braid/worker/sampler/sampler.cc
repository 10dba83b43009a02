#include "braid/worker/sampler/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "braid/base/check.h"
#include "braid/request/random.h"
#include "braid/worker/sampler/penalties.h"
#include "braid/worker/sampler/row_scan.h"

namespace braid {
namespace {

// The row's largest value, or an error that says what is wrong with the row.
Result<RowMax> checked_max(std::span<const float> row) {
  const RowMax max = find_max(row);
  if (max.has_nan) {
    const auto first = std::ranges::find_if(row, [](float x) { return std::isnan(x); });
    return fail("the model's logit for token {} is NaN", first - row.begin());
  }
  if (max.value == std::numeric_limits<float>::infinity()) {
    return fail("the model's logit for token {} is infinite", max.index);
  }
  if (max.index < 0) return fail("no token is left to choose: all {} logits are -infinity", row.size());
  return max;
}

void gather(std::span<const float> row, std::span<const TokenId> ids, std::vector<float>& values) {
  values.clear();
  for (const TokenId id : ids) values.push_back(row[static_cast<size_t>(id)]);
}

// The index at which the running sum of `weights` passes `target`; otherwise the last non-zero one.
size_t walk(std::span<const float> weights, double target) {
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    sum += static_cast<double>(weights[i]);
    last = i;
    if (sum > target) break;
  }
  return last;
}

double sum_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// Draws from all weights: first the block, then the token in it.
TokenId draw_from_row(std::span<const float> weights, std::span<const double> block_sums, double uniform) {
  const double target = uniform * sum_of(block_sums);
  double before = 0;
  size_t block = 0;
  size_t last_block = 0;  // with any weight
  for (; block < block_sums.size(); ++block) {
    if (block_sums[block] > 0) last_block = block;
    if (before + block_sums[block] > target) break;
    before += block_sums[block];
  }
  if (block == block_sums.size()) block = last_block;
  const size_t first = block * static_cast<size_t>(kWeightBlock);
  const size_t count = std::min(static_cast<size_t>(kWeightBlock), weights.size() - first);
  return static_cast<TokenId>(first + walk(weights.subspan(first, count), target - before));
}

// Draws from the ids (ascending) that top_p and min_p keep. `mass`: the sum of all weights that top_p counts.
TokenId draw_from_candidates(double mass, const SamplingParams& params, double uniform, SamplerScratch& scratch) {
  std::vector<TokenId>& ids = scratch.ids;
  const std::vector<float>& weights = scratch.candidate_weights;
  Cutoff cutoff{.weight = 0, .id = std::numeric_limits<TokenId>::max()};
  if (params.top_p < 1.0F) {
    cutoff = find_mass_cutoff(ids, weights, static_cast<double>(params.top_p) * mass, scratch.selection);
  }
  // The most likely token's weight is 1. No branch here: it would be unpredictable in a flat distribution.
  std::vector<float>& kept = scratch.kept_weights;
  kept.resize(ids.size());
  size_t num_kept = 0;
  double kept_mass = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const float weight = weights[i];
    const TokenId id = ids[i];
    const bool is_kept = (weight >= params.min_p) & cutoff.keeps(weight, id);
    kept[num_kept] = weight;
    ids[num_kept] = id;
    num_kept += is_kept ? 1 : 0;
    kept_mass += is_kept ? static_cast<double>(weight) : 0.0;
  }
  kept.resize(num_kept);
  return ids[walk(kept, uniform * kept_mass)];
}

TokenId draw(std::span<const float> row, float max, const SamplingState& state, SamplerScratch& scratch) {
  const SamplingParams& params = state.params;
  const double uniform = draw_uniform(params.seed, static_cast<uint64_t>(state.num_output_tokens));
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < row.size()) {
    select_top_k(row, params.top_k, scratch.selection, scratch.ids);
    gather(row, scratch.ids, scratch.candidate_logits);
    scratch.candidate_weights.resize(scratch.ids.size());
    exp_weights(scratch.candidate_logits, max, params.temperature, scratch.candidate_weights, scratch.block_sums);
    return draw_from_candidates(sum_of(scratch.block_sums), params, uniform, scratch);
  }
  std::vector<float>& weights = scratch.weights;
  weights.resize(row.size());
  exp_weights(row, max, params.temperature, weights, scratch.block_sums);
  if (params.top_p >= 1.0F && params.min_p <= 0.0F) return draw_from_row(weights, scratch.block_sums, uniform);

  // Tokens with at most (1 - top_p) / n of the mass each have at most 1 - top_p together. So the set that top_p keeps
  // is among the other tokens, which are few.
  const double mass = sum_of(scratch.block_sums);
  const double rare = (1.0 - static_cast<double>(params.top_p)) * mass / static_cast<double>(row.size());
  // (Half of that: the token of weight 1 is then included whatever rounding does, and a few extra tokens change
  // nothing.)
  collect_at_least(weights, std::max(static_cast<float>(rare * 0.5), params.min_p), scratch.ids);
  gather(weights, scratch.ids, scratch.candidate_weights);
  return draw_from_candidates(mass, params, uniform, scratch);
}

void add_logprobs(std::span<const float> logits, float max, int32_t num_top, SamplerScratch& scratch,
                  SampledToken& sampled) {
  const double total = log_sum_exp(logits, max);
  const auto logprob = [&](TokenId token) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(token)]) - total);
  };
  sampled.logprob = logprob(sampled.token);
  if (num_top <= 0) return;
  select_top_k(logits, num_top, scratch.selection, scratch.ids);
  std::ranges::stable_sort(scratch.ids, std::greater<>(), [&](TokenId id) { return logits[static_cast<size_t>(id)]; });
  for (const TokenId id : scratch.ids) sampled.top_logprobs.push_back({.token = id, .logprob = logprob(id)});
}

}  // namespace

bool takes_largest(const SamplingState& state) {
  const SamplingParams& params = state.params;
  return params.temperature <= 0.0F && !params.logprobs && params.top_logprobs <= 0 && !adjusts_logits(state);
}

Result<SampledToken> sample(std::span<const float> logits, const SamplingState& state, SamplerScratch& scratch,
                            std::span<const uint32_t> mask) {
  const SamplingParams& params = state.params;
  TRY(const RowMax raw_max, checked_max(logits));
  SampledToken sampled;
  std::span<const float> row = logits;
  RowMax max = raw_max;
  if (adjusts_logits(state) || !mask.empty()) {
    if (mask.empty()) {
      scratch.row.assign(logits.begin(), logits.end());
    } else {
      scratch.row.resize(logits.size());
      copy_masked(logits, mask, scratch.row);
    }
    adjust_logits(scratch.row, state, scratch.counts);
    row = scratch.row;
    TRY(max, checked_max(row));
  }
  sampled.token = params.temperature <= 0.0F ? max.index : draw(row, max.value, state, scratch);
  if (params.logprobs || params.top_logprobs > 0) {
    add_logprobs(logits, raw_max.value, params.top_logprobs, scratch, sampled);
  }
  return sampled;
}

Result<ScoredToken> score(std::span<const float> logits, TokenId token, int32_t num_top, SamplerScratch& scratch) {
  CHECK(token >= 0 && static_cast<size_t>(token) < logits.size(), "token {} of {}", token, logits.size());
  TRY(const RowMax max, checked_max(logits));
  ScoredToken scored{.token = token, .logprob = 0, .top_logprobs = {}};
  add_logprobs(logits, max.value, num_top, scratch, scored);
  return scored;
}

}  // namespace braid
