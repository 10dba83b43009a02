#include "braid/bench/throughput/throughput.h"

#include <fmt/format.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

GenerationRequest random_request(const ThroughputOptions& options, int64_t vocab_size, std::mt19937_64& random) {
  std::vector<TokenId> prompt(static_cast<size_t>(options.input_len));
  for (TokenId& id : prompt) id = static_cast<TokenId>(random() % static_cast<uint64_t>(vocab_size));
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = options.output_len;
  request.ignore_eos = true;
  return request;
}

Status run_requests(const ThroughputOptions& options, Engine& engine, int32_t num_prompts, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<GenerationRequest> requests;
  for (int32_t i = 0; i < num_prompts; ++i) {
    requests.push_back(random_request(options, engine.config().vocab_size, random));
  }
  std::string error;
  const auto on_delta = [&error](const Delta& delta) {
    if (delta.finish == FinishReason::kError) error = delta.error;
  };
  std::vector<SubmissionId> ids;
  for (GenerationRequest& request : requests) {
    TRY(const SubmissionId id, engine.submit(std::move(request), on_delta));
    ids.push_back(id);
  }
  for (const SubmissionId id : ids) engine.wait(id);
  if (!error.empty()) return fail("a request failed: {}", error);
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> load_for_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger) {
  constexpr int64_t kMaxTokens = int64_t{1} << 28;  // all prompts exist before the first one runs
  if (int64_t{options.num_prompts} * options.input_len > kMaxTokens) {
    return fail("--num-prompts {} times --input-len {}: must be at most {}", options.num_prompts, options.input_len,
                kMaxTokens);
  }
  EngineOptions engine_options = options.engine;
  engine_options.rank.radix_cache = false;
  TRY(auto engine, Engine::load(engine_options, std::move(logger)));
  const int64_t context_len = engine->stats().context_len;
  if (const int64_t len = int64_t{options.input_len} + options.output_len; len > context_len) {
    return fail("--input-len + --output-len is {}, the context is {} tokens", len, context_len);
  }
  TRY_STATUS(run_requests(options, *engine, 1, options.seed + 1));
  return engine;
}

Status run_random_requests(const ThroughputOptions& options, Engine& engine) {
  return run_requests(options, engine, options.num_prompts, options.seed);
}

Result<ThroughputReport> measure_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger) {
  TRY(const auto engine, load_for_throughput(options, std::move(logger)));
  const EngineStats before = engine->stats();
  const double start = monotonic_seconds();
  TRY_STATUS(run_random_requests(options, *engine));
  const double seconds = monotonic_seconds() - start;
  const EngineStats after = engine->stats();
  const double prompts = options.num_prompts;
  return ThroughputReport{.seconds = seconds,
                          .step_seconds = after.step_seconds - before.step_seconds,
                          .num_steps = after.num_steps - before.num_steps,
                          .total_tokens_per_s = prompts * (options.input_len + options.output_len) / seconds,
                          .output_tokens_per_s = prompts * options.output_len / seconds,
                          .num_groups = engine->num_groups(),
                          .balance_ratio = after.balance.since(before.balance).ratio()};
}

Status run_bench_throughput(const ThroughputOptions& options, std::shared_ptr<Logger> logger, std::FILE* out) {
  TRY(const ThroughputReport report, measure_throughput(options, std::move(logger)));
  if (options.json) {
    const Json object = {{"num_prompts", options.num_prompts},
                         {"input_len", options.input_len},
                         {"output_len", options.output_len},
                         {"seconds", report.seconds},
                         {"step_seconds", report.step_seconds},
                         {"num_steps", report.num_steps},
                         {"total_tokens_per_s", report.total_tokens_per_s},
                         {"output_tokens_per_s", report.output_tokens_per_s},
                         {"dp_size", report.num_groups},
                         {"balance_ratio", report.balance_ratio}};
    fmt::print(out, "{}\n", object.dump());
    return {};
  }
  fmt::print(out, "{} requests of {} + {} tokens in {:.2f} s, {} steps ({:.1f} % of the time in them)\n",
             options.num_prompts, options.input_len, options.output_len, report.seconds, report.num_steps,
             100 * report.step_seconds / report.seconds);
  fmt::print(out, "{:.1f} tokens/s in all, {:.1f} output tokens/s\n", report.total_tokens_per_s,
             report.output_tokens_per_s);
  if (report.num_groups > 1) {
    fmt::print(out, "{} groups, balanced to {:.1f} % (mean over maximum of their tokens a step)\n", report.num_groups,
               100 * report.balance_ratio);
  }
  return {};
}

}  // namespace braid
