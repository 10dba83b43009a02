#include "braid/wire/group_outputs_codec.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "braid/base/check.h"
#include "braid/request/image_span.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/group_outputs_generated.h"
#include "braid/wire/move_codec.h"

namespace braid {
namespace {

namespace outputs_format = group_outputs_format;

// Deepest is Outputs > MovingSequence > Request > Sampling.
constexpr flatbuffers::uoffset_t kMaxOutputsDepth = 8;

static_assert(static_cast<int>(outputs_format::Finish::MAX) == static_cast<int>(FinishReason::kError));

flat::Offset<outputs_format::Token> encode_token(flat::Builder& builder, const SampledToken& token) {
  flatbuffers::Offset<flatbuffers::Vector<const outputs_format::Logprob*>> top_at;
  if (!token.top_logprobs.empty()) {
    std::vector<outputs_format::Logprob> top;
    top.reserve(token.top_logprobs.size());
    for (const TokenLogprob& entry : token.top_logprobs) top.emplace_back(entry.token, entry.logprob);
    top_at = builder.CreateVectorOfStructs(top);
  }
  return outputs_format::CreateToken(builder, token.token, token.logprob, top_at);
}

flat::Offset<flatbuffers::String> encode_text(flat::Builder& builder, const std::string& text) {
  return text.empty() ? flat::Offset<flatbuffers::String>() : builder.CreateString(text);
}

flat::Offset<outputs_format::Outcome> encode_outcome(flat::Builder& builder, const RequestOutcome& outcome) {
  flat::Offset<outputs_format::Token> token_at;
  if (outcome.token) token_at = encode_token(builder, *outcome.token);
  std::vector<flat::Offset<outputs_format::Token>> scored;
  for (const ScoredToken& token : outcome.prompt_logprobs) scored.push_back(encode_token(builder, token));
  const auto scored_at = flat::add_list(builder, scored);
  const auto error_at = encode_text(builder, outcome.error);
  return outputs_format::CreateOutcome(builder, outcome.request, token_at, scored_at,
                                       static_cast<outputs_format::Finish>(outcome.finish), error_at,
                                       outcome.cached_tokens, outcome.is_bad_request);
}

flat::Offset<outputs_format::Load> encode_load(flat::Builder& builder, const GroupLoad& load) {
  const SchedulerStats& stats = load.scheduler;
  const outputs_format::Stats scheduler(stats.num_running, stats.num_waiting, stats.num_pages, stats.num_free_pages,
                                        stats.num_cached_pages, stats.num_prefill_tokens, stats.num_context_tokens,
                                        stats.num_preemptions, stats.num_prompt_tokens, stats.num_cached_tokens);
  const outputs_format::Credits credits(load.credits.num_requests, load.credits.page_size, load.credits.num_pages,
                                        load.credits.is_idle, load.credits.max_request_pages);
  const auto& steps = load.exchange.steps_by_padding;
  const auto padding_at = builder.CreateVector(steps.data(), steps.size());
  return outputs_format::CreateLoad(builder, &scheduler, &credits, load.num_commands, load.num_steps, load.step_seconds,
                                    load.num_step_tokens, load.num_longest_tokens, load.num_arriving_pages, padding_at,
                                    load.exchange.gathered_bytes, load.exchange.scattered_bytes, load.own_seconds,
                                    stats.num_prefill_pairs, load.exchange.halved_steps);
}

flat::Offset<outputs_format::Step> encode_step(flat::Builder& builder, const StepShape& step) {
  return outputs_format::CreateStep(builder, step.step, step.num_sequences, step.num_prefills, step.num_prompt_tokens,
                                    step.num_context_tokens, step.num_prefill_pairs);
}

flat::Offset<outputs_format::Prefixes> encode_prefixes(flat::Builder& builder, const PrefixDigest& prefixes) {
  const auto added_at = flat::add_list(builder, prefixes.added);
  const auto removed_at = flat::add_list(builder, prefixes.removed);
  const auto held_at = flat::add_list(builder, prefixes.held);
  const auto released_at = flat::add_list(builder, prefixes.released);
  const PrefixShape& shape = prefixes.shape;
  const auto windows_at = flat::add_list(builder, shape.window_pages);
  return outputs_format::CreatePrefixes(builder, prefixes.is_whole, added_at, removed_at, held_at, released_at,
                                        shape.page_size, shape.long_rope_from, shape.num_pages, windows_at);
}

// `is_scored`: of the prompt, where placeholders of images are no tokens of the vocabulary.
Result<SampledToken> decode_token(const outputs_format::Token& from, int32_t vocab_size, bool is_scored = false) {
  SampledToken token{.token = from.token(), .logprob = from.logprob(), .top_logprobs = {}};
  const bool may_be_negative = is_scored && is_placeholder(token.token);
  if ((token.token < 0 && !may_be_negative) || token.token >= vocab_size)
    return fail("token {} is not in [0, {})", token.token, vocab_size);
  TRY_STATUS(flat::check_count(from.top_logprobs(), "alternatives", vocab_size));
  bool is_nan = std::isnan(token.logprob);
  if (from.top_logprobs() != nullptr) {
    for (const outputs_format::Logprob* entry : *from.top_logprobs()) {
      if (entry->token() < 0 || entry->token() >= vocab_size) {
        return fail("token {} is not in [0, {})", entry->token(), vocab_size);
      }
      is_nan = is_nan || std::isnan(entry->logprob());
      token.top_logprobs.push_back({.token = entry->token(), .logprob = entry->logprob()});
    }
  }
  if (is_nan) return fail("a log-probability of token {} is NaN", token.token);
  return token;
}

Result<std::string> decode_text(const flatbuffers::String* text, int32_t max_len) {
  if (text == nullptr) return std::string();
  if (static_cast<int64_t>(text->size()) > max_len)
    return fail("an error of {} bytes, at most {}", text->size(), max_len);
  return text->str();
}

Result<RequestOutcome> decode_outcome(const outputs_format::Outcome& from, const OutputsLimits& limits) {
  RequestOutcome outcome{.request = from.request()};
  if (from.token() != nullptr) {
    TRY(outcome.token, decode_token(*from.token(), limits.vocab_size));
  }
  TRY_STATUS(flat::check_count(from.prompt_logprobs(), "scored tokens", limits.max_scored));
  if (from.prompt_logprobs() != nullptr) {
    for (const outputs_format::Token* token : *from.prompt_logprobs()) {
      TRY(auto scored, decode_token(*token, limits.vocab_size, true));
      outcome.prompt_logprobs.push_back(std::move(scored));
    }
  }
  if (from.finish() > outputs_format::Finish::MAX) return fail("finish {}", static_cast<int>(from.finish()));
  outcome.finish = static_cast<FinishReason>(from.finish());
  TRY(outcome.error, decode_text(from.error(), limits.max_error_len));
  outcome.is_bad_request = from.is_bad_request();
  outcome.cached_tokens = from.cached_tokens();
  if (outcome.cached_tokens < 0 || outcome.cached_tokens > limits.context_len) {
    return fail("{} cached tokens, the context is {}", outcome.cached_tokens, limits.context_len);
  }
  return outcome;
}

Result<GroupLoad> decode_load(const outputs_format::Load& from) {
  GroupLoad load{.num_commands = from.num_commands(),
                 .num_steps = from.num_steps(),
                 .step_seconds = from.step_seconds(),
                 .own_seconds = from.own_seconds(),
                 .num_step_tokens = from.num_step_tokens(),
                 .num_longest_tokens = from.num_longest_tokens(),
                 .num_arriving_pages = from.num_arriving_pages(),
                 .exchange = {.steps_by_padding = {},
                              .halved_steps = from.halved_steps(),
                              .gathered_bytes = from.gathered_bytes(),
                              .scattered_bytes = from.scattered_bytes()}};
  if (const auto* steps = from.padding_steps()) {
    if (steps->size() != kNumPaddingModes)
      return fail("{} padding modes, there are {}", steps->size(), kNumPaddingModes);
    std::ranges::copy(*steps, load.exchange.steps_by_padding.begin());
  }
  if (const outputs_format::Stats* stats = from.scheduler()) {
    load.scheduler = {.num_running = stats->num_running(),
                      .num_waiting = stats->num_waiting(),
                      .num_pages = stats->num_pages(),
                      .num_free_pages = stats->num_free_pages(),
                      .num_cached_pages = stats->num_cached_pages(),
                      .num_prefill_tokens = stats->num_prefill_tokens(),
                      .num_context_tokens = stats->num_context_tokens(),
                      .num_preemptions = stats->num_preemptions(),
                      .num_prompt_tokens = stats->num_prompt_tokens(),
                      .num_cached_tokens = stats->num_cached_tokens()};
    load.scheduler.num_prefill_pairs = from.num_prefill_pairs();
  }
  if (const outputs_format::Credits* credits = from.credits()) {
    load.credits = {.num_requests = credits->num_requests(),
                    .num_pages = credits->num_pages(),
                    .page_size = credits->page_size(),
                    .is_idle = credits->is_idle(),
                    .max_request_pages = credits->max_request_pages()};
  }
  const SchedulerStats& stats = load.scheduler;
  const bool ok = stats.num_running >= 0 && stats.num_waiting >= 0 && stats.num_free_pages >= 0 &&
                  stats.num_cached_pages >= 0 && stats.num_free_pages <= stats.num_pages - stats.num_cached_pages &&
                  stats.num_prefill_tokens >= 0 && stats.num_context_tokens >= 0 && load.credits.num_requests >= 0 &&
                  load.credits.page_size >= 1 && load.credits.max_request_pages >= 0 && load.num_arriving_pages >= 0 &&
                  std::isfinite(load.step_seconds) && load.step_seconds >= 0 && std::isfinite(load.own_seconds) &&
                  load.own_seconds >= 0 && stats.num_prefill_pairs >= 0;
  if (!ok) return fail("a value of the load is out of its range");
  return load;
}

Result<StepShape> decode_step(const outputs_format::Step& from) {
  const StepShape step{.step = from.step(),
                       .num_sequences = from.num_sequences(),
                       .num_prefills = from.num_prefills(),
                       .num_prompt_tokens = from.num_prompt_tokens(),
                       .num_context_tokens = from.num_context_tokens(),
                       .num_prefill_pairs = from.num_prefill_pairs()};
  const bool ok = step.num_sequences >= 0 && step.num_prefills >= 0 && step.num_prefills <= step.num_sequences &&
                  step.num_prompt_tokens >= 0 && step.num_context_tokens >= 0 && step.num_prefill_pairs >= 0;
  if (!ok) return fail("a value of step {} is out of its range", step.step);
  return step;
}

Result<PrefixShape> decode_shape(const outputs_format::Prefixes& from, const OutputsLimits& limits) {
  TRY_STATUS(flat::check_count(from.window_pages(), "KV groups", limits.max_kv_groups));
  PrefixShape shape{.page_size = from.page_size(),
                    .long_rope_from = from.long_rope_from(),
                    .num_pages = from.num_pages(),
                    .window_pages = flat::copy_of(from.window_pages())};
  const bool ok = shape.page_size >= 1 && shape.long_rope_from >= 0 && shape.num_pages >= 0 &&
                  !shape.window_pages.empty() && std::ranges::min(shape.window_pages) >= -1;
  if (!ok) return fail("a value of the prefix cache is out of its range");
  return shape;
}

Result<PrefixDigest> decode_prefixes(const outputs_format::Prefixes& from, const OutputsLimits& limits) {
  TRY_STATUS(flat::check_count(from.added(), "new prefixes", limits.max_prefixes));
  TRY_STATUS(flat::check_count(from.removed(), "removed prefixes", limits.max_prefixes));
  TRY_STATUS(flat::check_count(from.held(), "held prefixes", limits.max_prefixes));
  TRY_STATUS(flat::check_count(from.released(), "released prefixes", limits.max_prefixes));
  PrefixDigest prefixes{.is_whole = from.is_whole(),
                        .removed = flat::copy_of(from.removed()),
                        .added = flat::copy_of(from.added()),
                        .released = flat::copy_of(from.released()),
                        .held = flat::copy_of(from.held())};
  if (from.is_whole()) {
    TRY(prefixes.shape, decode_shape(from, limits));
  }
  return prefixes;
}

Result<GroupOutputs> decode_outputs(const outputs_format::Outputs& from, const OutputsLimits& limits) {
  GroupOutputs outputs{.group = from.group(), .sequence = from.sequence()};
  TRY_STATUS(flat::check_count(from.outcomes(), "outcomes", limits.max_outcomes));
  std::unordered_set<RequestId> ids;
  int64_t num_scored = 0;
  if (from.outcomes() != nullptr) {
    outputs.outcomes.reserve(from.outcomes()->size());
    for (const outputs_format::Outcome* outcome : *from.outcomes()) {
      auto decoded = decode_outcome(*outcome, limits);
      if (!decoded.ok()) return fail("request {}: {}", outcome->request(), decoded.error().message);
      if (!ids.insert(outcome->request()).second) return fail("request {} is there twice", outcome->request());
      num_scored += static_cast<int64_t>(decoded.value().prompt_logprobs.size());
      if (num_scored > limits.max_scored)
        return fail("{} scored tokens, at most {} fit", num_scored, limits.max_scored);
      outputs.outcomes.push_back(std::move(decoded).value());
    }
  }
  if (from.load() != nullptr) {
    TRY(outputs.load, decode_load(*from.load()));
  }
  TRY_STATUS(flat::check_count(from.flushed_tokens(), "flushes", limits.max_flushes));
  outputs.flushed_tokens = flat::copy_of(from.flushed_tokens());
  for (const int64_t num_tokens : outputs.flushed_tokens) {
    if (num_tokens < 0) return fail("{} tokens flushed", num_tokens);
  }
  if (from.step() != nullptr) {
    TRY(outputs.step, decode_step(*from.step()));
  }
  if (from.prefixes() != nullptr) {
    TRY(outputs.prefixes, decode_prefixes(*from.prefixes(), limits));
  }
  TRY(outputs.error, decode_text(from.error(), limits.max_error_len));
  TRY_STATUS(flat::check_count(from.stayed(), "sequences that stayed", limits.max_moves));
  outputs.stayed = flat::copy_of(from.stayed());
  TRY(outputs.departed, decode_moving(from.departed(), limits.max_moves,
                                      {.max_prompt_len = limits.context_len,
                                       .context_len = limits.context_len,
                                       .vocab_size = limits.vocab_size,
                                       .num_groups = limits.num_groups}));
  return outputs;
}

}  // namespace

SharedBytes encode(const GroupOutputs& outputs) {
  flat::Builder builder(1024 + 64 * outputs.outcomes.size());
  std::vector<flat::Offset<outputs_format::Outcome>> outcomes;
  outcomes.reserve(outputs.outcomes.size());
  for (const RequestOutcome& outcome : outputs.outcomes) outcomes.push_back(encode_outcome(builder, outcome));
  const auto outcomes_at = flat::add_list(builder, outcomes);
  const auto flushed_at = flat::add_list(builder, outputs.flushed_tokens);
  flat::Offset<outputs_format::Step> step_at;
  if (outputs.step) step_at = encode_step(builder, *outputs.step);
  const auto load_at = encode_load(builder, outputs.load);
  flat::Offset<outputs_format::Prefixes> prefixes_at;
  if (outputs.prefixes != PrefixDigest()) prefixes_at = encode_prefixes(builder, outputs.prefixes);
  const auto error_at = encode_text(builder, outputs.error);
  const auto departed_at = encode_moving(builder, outputs.departed);
  const auto stayed_at = flat::add_list(builder, outputs.stayed);
  outputs_format::FinishOutputsBuffer(
      builder, outputs_format::CreateOutputs(builder, outputs.group, outputs.sequence, outcomes_at, flushed_at, step_at,
                                             load_at, prefixes_at, error_at, departed_at, stayed_at));
  return flat::take_bytes(builder);
}

Result<GroupOutputs> decode_group_outputs(std::span<const std::byte> bytes, const OutputsLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return fail("a group's outputs of {} bytes, at most {}", bytes.size(), limits.max_bytes);
  }
  const flat::AlignedBytes aligned(bytes);
  const auto max_tables = static_cast<flatbuffers::uoffset_t>(4 + 2 * int64_t{limits.max_outcomes} + limits.max_scored +
                                                              3 * int64_t{limits.max_moves});
  flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kMaxOutputsDepth, max_tables);
  if (!outputs_format::VerifyOutputsBuffer(verifier)) {
    return fail("a group's outputs of {} bytes are malformed", bytes.size());
  }
  const outputs_format::Outputs* from = outputs_format::GetOutputs(aligned.data());
  if (from->group() < 0 || from->group() >= limits.num_groups) {
    return fail("outputs of group {}, there are {} groups", from->group(), limits.num_groups);
  }
  auto outputs = decode_outputs(*from, limits);
  if (!outputs.ok()) {
    return fail("group {}, outputs {}: {}", from->group(), from->sequence(), outputs.error().message);
  }
  return outputs;
}

}  // namespace braid
