#include "braid/wire/step_plan_codec.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "braid/wire/step_plan_generated.h"

namespace braid {
namespace {

namespace format = step_plan_format;
using Builder = flatbuffers::FlatBufferBuilder;
template <typename T>
using Offset = flatbuffers::Offset<T>;
using Ints = flatbuffers::Vector<int32_t>;

// Beyond these a FlatBuffer is not one of ours: depth Plan > Sequence > PageTable.
constexpr flatbuffers::uoffset_t kMaxDepth = 8;

Offset<format::Sampling> encode_sampling(Builder& builder, const SamplingState& state) {
  const SamplingParams& params = state.params;
  std::vector<format::LogitBias> bias;
  bias.reserve(params.logit_bias.size());
  for (const auto& [token, value] : params.logit_bias) bias.emplace_back(token, value);
  const auto bias_at = builder.CreateVectorOfStructs(bias);
  const auto stop_at = builder.CreateVector(params.stop_token_ids);
  const auto prompt_at = builder.CreateVector(state.prompt_tokens);
  const auto output_at = builder.CreateVector(state.output_tokens);
  return format::CreateSampling(builder, params.temperature, params.top_k, params.top_p, params.min_p,
                                params.repetition_penalty, params.presence_penalty, params.frequency_penalty, bias_at,
                                params.seed, params.max_new_tokens, params.min_new_tokens, stop_at, params.logprobs,
                                params.top_logprobs, state.num_prompt_tokens, state.num_output_tokens, prompt_at,
                                output_at, params.prompt_logprobs_start, state.is_masked);
}

Offset<format::Sequence> encode_sequence(Builder& builder, const SequencePlan& sequence) {
  std::vector<Offset<format::PageTable>> tables;
  for (const PageTable& table : sequence.page_tables) {
    tables.push_back(format::CreatePageTable(builder, builder.CreateVector(table.pages)));
  }
  const auto tables_at = builder.CreateVector(tables);
  const auto tokens_at = builder.CreateVector(sequence.new_tokens);
  Offset<format::Sampling> sampling_at;
  if (sequence.samples) sampling_at = encode_sampling(builder, sequence.sampling);
  Offset<format::Scoring> scoring_at;
  if (const PromptScoring& scoring = sequence.scoring; !scoring.tokens.empty()) {
    const auto scored_at = builder.CreateVector(scoring.tokens);
    scoring_at = format::CreateScoring(builder, scoring.first_new, scored_at, scoring.top_logprobs);
  }
  return format::CreateSequence(builder, sequence.request, tokens_at, sequence.first_position, tables_at, sampling_at,
                                scoring_at);
}

std::vector<int32_t> copy_of(const Ints* ints) {
  if (ints == nullptr) return {};
  return {ints->begin(), ints->end()};
}

template <typename T>
Status check_count(const flatbuffers::Vector<T>* list, std::string_view what, int64_t max_count) {
  const int64_t count = list == nullptr ? 0 : list->size();
  if (count > max_count) return fail("{} {}, at most {} fit", count, what, max_count);
  return {};
}

// A list of numbers in [0, end), at most max_count of them.
Result<std::vector<int32_t>> decode_ids(const Ints* ints, std::string_view what, int64_t max_count, int64_t end) {
  TRY_STATUS(check_count(ints, what, max_count));
  std::vector<int32_t> ids = copy_of(ints);
  for (const int32_t id : ids) {
    if (id < 0 || id >= end) return fail("{}: {} is not in [0, {})", what, id, end);
  }
  return ids;
}

Status check_sampling(const SamplingState& state) {
  const SamplingParams& params = state.params;
  const bool ok = std::isfinite(params.temperature) && params.temperature >= 0 && params.top_k >= 0 &&
                  params.top_p > 0 && params.top_p <= 1 && params.min_p >= 0 && params.min_p <= 1 &&
                  std::isfinite(params.repetition_penalty) && params.repetition_penalty > 0 &&
                  std::isfinite(params.presence_penalty) && std::isfinite(params.frequency_penalty) &&
                  params.max_new_tokens >= 0 && params.min_new_tokens >= 0 && params.top_logprobs >= 0 &&
                  params.prompt_logprobs_start >= -1 && state.num_prompt_tokens >= 0 && state.num_output_tokens >= 0;
  if (!ok) return fail("a sampling parameter is out of its range");
  return {};
}

Result<SamplingState> decode_sampling(const format::Sampling& from, const StepPlanLimits& limits) {
  SamplingState state;
  SamplingParams& params = state.params;
  params.temperature = from.temperature();
  params.top_k = from.top_k();
  params.top_p = from.top_p();
  params.min_p = from.min_p();
  params.repetition_penalty = from.repetition_penalty();
  params.presence_penalty = from.presence_penalty();
  params.frequency_penalty = from.frequency_penalty();
  TRY_STATUS(check_count(from.logit_bias(), "biases", limits.vocab_size));
  if (from.logit_bias() != nullptr) {
    for (const format::LogitBias* bias : *from.logit_bias()) {
      if (std::isnan(bias->bias())) return fail("the bias of token {} is NaN", bias->token());
      params.logit_bias.emplace_back(bias->token(), bias->bias());
    }
  }
  params.seed = from.seed();
  params.max_new_tokens = from.max_new_tokens();
  params.min_new_tokens = from.min_new_tokens();
  TRY_STATUS(check_count(from.stop_token_ids(), "stop tokens", limits.vocab_size));
  params.stop_token_ids = copy_of(from.stop_token_ids());
  params.logprobs = from.logprobs();
  params.top_logprobs = from.top_logprobs();
  params.prompt_logprobs_start = from.prompt_logprobs_start();
  state.num_prompt_tokens = from.num_prompt_tokens();
  state.num_output_tokens = from.num_output_tokens();
  state.is_masked = from.is_masked();
  TRY_STATUS(check_sampling(state));
  TRY(state.prompt_tokens, decode_ids(from.prompt_tokens(), "prompt tokens", limits.context_len, limits.vocab_size));
  TRY(state.output_tokens, decode_ids(from.output_tokens(), "output tokens", limits.context_len, limits.vocab_size));
  return state;
}

Result<PromptScoring> decode_scoring(const format::Scoring& from, int64_t num_new, const StepPlanLimits& limits) {
  PromptScoring scoring;
  scoring.first_new = from.first_new();
  TRY(scoring.tokens, decode_ids(from.tokens(), "scored tokens", num_new, limits.vocab_size));
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

Result<SequencePlan> decode_sequence(const format::Sequence& from, const StepPlanLimits& limits) {
  SequencePlan sequence;
  sequence.request = from.request();
  TRY(sequence.new_tokens, decode_ids(from.new_tokens(), "new tokens", limits.max_step_tokens, limits.vocab_size));
  if (sequence.new_tokens.empty()) return fail("no new tokens");
  sequence.first_position = from.first_position();
  const int64_t end = int64_t{sequence.first_position} + static_cast<int64_t>(sequence.new_tokens.size());
  if (sequence.first_position < 0 || end > limits.context_len) {
    return fail("positions {} to {}, the context is {}", sequence.first_position, end, limits.context_len);
  }
  const auto num_tables = from.page_tables() == nullptr ? 0 : from.page_tables()->size();
  if (static_cast<int64_t>(num_tables) != limits.num_kv_groups) {
    return fail("{} page tables, {} KV groups", num_tables, limits.num_kv_groups);
  }
  const int64_t num_pages = (end + limits.page_size - 1) / limits.page_size;
  for (const format::PageTable* from_table : *from.page_tables()) {
    PageTable& table = sequence.page_tables.emplace_back();
    TRY(table.pages, decode_ids(from_table->pages(), "pages", num_pages, limits.num_pages));
    if (static_cast<int64_t>(table.pages.size()) != num_pages) {
      return fail("{} pages for {} positions, not {}", table.pages.size(), end, num_pages);
    }
  }
  sequence.samples = from.sampling() != nullptr;
  if (sequence.samples) {
    TRY(sequence.sampling, decode_sampling(*from.sampling(), limits));
  }
  if (from.scoring() != nullptr) {
    TRY(sequence.scoring, decode_scoring(*from.scoring(), static_cast<int64_t>(sequence.new_tokens.size()), limits));
  }
  return sequence;
}

}  // namespace

std::vector<std::byte> encode(const StepPlan& plan) {
  Builder builder(1024);
  std::vector<Offset<format::Sequence>> sequences;
  sequences.reserve(plan.sequences.size());
  for (const SequencePlan& sequence : plan.sequences) sequences.push_back(encode_sequence(builder, sequence));
  const auto sequences_at = builder.CreateVector(sequences);
  format::FinishPlanBuffer(builder, format::CreatePlan(builder, plan.step, sequences_at));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

Result<StepPlan> decode_step_plan(std::span<const std::byte> bytes, const StepPlanLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("a step plan of {} bytes, at most {}", bytes.size(), limits.max_bytes);
  }
  // Reading needs the alignment that a buffer from the network may lack.
  std::vector<uint64_t> aligned;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (reinterpret_cast<uintptr_t>(data) % alignof(uint64_t) != 0) {
    aligned.resize(bytes.size() / sizeof(uint64_t) + 1);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    data = reinterpret_cast<const uint8_t*>(aligned.data());
  }
  const auto max_tables =
      static_cast<flatbuffers::uoffset_t>(1 + int64_t{limits.max_sequences} * (3 + int64_t{limits.num_kv_groups}));
  flatbuffers::Verifier verifier(data, bytes.size(), kMaxDepth, max_tables);
  if (!format::VerifyPlanBuffer(verifier)) return fail("a step plan of {} bytes is malformed", bytes.size());

  const format::Plan* from = format::GetPlan(data);
  StepPlan plan;
  plan.step = from->step();
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
