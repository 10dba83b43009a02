#include "braid/bench/idle/idle.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/bench/timing.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// From submit() to the only token of a prompt that no cache has.
Result<double> seconds_to_first_token(Engine& engine, const IdleOptions& options, int32_t index) {
  GenerationRequest request;
  std::vector<TokenId> prompt(static_cast<size_t>(options.input_len));
  for (size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<TokenId>((static_cast<size_t>(index) * 131 + i * 17) %
                                     static_cast<size_t>(engine.config().vocab_size));
  }
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = 1;
  request.ignore_eos = true;
  double first_s = 0;
  std::string error;
  const double start_s = monotonic_seconds();
  TRY(const SubmissionId id, engine.submit(std::move(request), [&](const Delta& delta) {
    if (first_s == 0) first_s = monotonic_seconds();
    error = delta.error;
  }));
  engine.wait(id);
  if (!error.empty()) return fail("a request failed: {}", error);
  return first_s - start_s;
}

}  // namespace

Result<IdleReport> measure_idle(const IdleOptions& options, std::shared_ptr<Logger> logger) {
  EngineOptions engine_options = options.engine;
  engine_options.rank.radix_cache = false;
  TRY(const auto engine, Engine::load(engine_options, std::move(logger)));
  int32_t index = 0;
  constexpr int32_t kWarmUps = 3;
  while (index < kWarmUps) TRY_STATUS(seconds_to_first_token(*engine, options, index++));

  IdleReport report{.num_ranks = engine->layout().num_ranks()};
  sleep_for(0.1);  // lets the warm-up's last work end
  const double before_s = process_cpu_seconds();
  const double start_s = monotonic_seconds();
  sleep_for(options.idle_s);
  report.core_share = (process_cpu_seconds() - before_s) / (monotonic_seconds() - start_s);

  std::vector<double> at_once;
  std::vector<double> after_pause;
  for (int32_t i = 0; i < options.repeats; ++i) {  // in turns, so that both meet the same conditions
    sleep_for(options.pause_s);
    TRY(after_pause.emplace_back(), seconds_to_first_token(*engine, options, index++));
    TRY(at_once.emplace_back(), seconds_to_first_token(*engine, options, index++));
  }
  report.at_once_s = median(std::move(at_once));
  report.after_pause_s = median(std::move(after_pause));
  return report;
}

Status run_bench_idle(const IdleOptions& options, std::shared_ptr<Logger> logger, std::FILE* out) {
  TRY(const IdleReport report, measure_idle(options, std::move(logger)));
  if (options.json) {
    const Json object = {{"num_ranks", report.num_ranks},
                         {"idle_s", options.idle_s},
                         {"core_share", report.core_share},
                         {"pause_s", options.pause_s},
                         {"first_token_at_once_s", report.at_once_s},
                         {"first_token_after_pause_s", report.after_pause_s},
                         {"later_s", report.later_s()}};
    fmt::print(out, "{}\n", object.dump());
    return {};
  }
  fmt::print(out, "{} ranks, {:.1f} s without a request: {:.3f} % of a core\n", report.num_ranks, options.idle_s,
             100 * report.core_share);
  fmt::print(out,
             "first token of {} prompt tokens: {:.3f} ms right behind another request, {:.3f} ms behind {} s of "
             "nothing, {:+.3f} ms (medians of {})\n",
             options.input_len, 1e3 * report.at_once_s, 1e3 * report.after_pause_s, options.pause_s,
             1e3 * report.later_s(), options.repeats);
  return {};
}

}  // namespace braid
