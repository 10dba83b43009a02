#include "braid/cli/bench/serving/serving.h"

#include <algorithm>
#include <memory>
#include <span>

#include "braid/cli/bench/serving/client.h"
#include "braid/cli/bench/serving/server_counts.h"
#include "braid/cli/terminal.h"

namespace braid {
namespace {

using serving::Prompt;

// Chat takes text alone: random ids are decoded, and counted again by the server.
Status make_texts(std::vector<Prompt>& prompts, const Tokenizer* tokenizer) {
  for (Prompt& prompt : prompts) {
    const auto* ids = std::get_if<std::vector<TokenId>>(&prompt.content);
    if (ids == nullptr) continue;
    if (tokenizer == nullptr)
      return fail("--backend openai-chat sends text: it needs --tokenizer-path for this dataset");
    prompt.content = tokenizer->decode(*ids, true);
  }
  return {};
}

}  // namespace

Status run_bench_serving(BenchServingOptions options, std::FILE* out) {
  serving::LoadOptions load;
  load.api_key = options.api_key;
  load.request_rate = options.request_rate;
  load.max_concurrency = options.max_concurrency;
  load.seed = options.workload.seed;
  TRY(load.server, serving::parse_base_url(options.base_url));
  TRY(load.body.backend, serving::parse_backend(options.backend));
  load.body.model = options.model;
  load.body.ignore_eos = options.ignore_eos;
  load.body.temperature = options.temperature;
  TRY(options.workload.dataset, serving::parse_dataset(options.dataset));

  std::unique_ptr<Tokenizer> tokenizer;
  if (!options.tokenizer.model_path.empty()) {
    TRY(tokenizer, load_tokenizer(options.tokenizer));
    options.workload.vocab_size = static_cast<int32_t>(tokenizer->vocab_size());
  }
  TRY(std::vector<Prompt> prompts, serving::make_workload(options.workload, tokenizer.get()));
  if (load.body.backend == serving::Backend::kChat) TRY_STATUS(make_texts(prompts, tokenizer.get()));

  if (options.num_warmup_requests > 0) {
    serving::LoadOptions warm_up = load;
    warm_up.request_rate = std::numeric_limits<double>::infinity();
    const std::vector<Prompt> first(static_cast<size_t>(options.num_warmup_requests), prompts.front());
    const serving::LoadResult result = run_load(warm_up, first, [](size_t) {});
    for (const serving::RequestTimes& request : result.requests) {
      if (!request.error.empty()) return fail("{}: {}", options.base_url, request.error);
    }
  }

  const auto before = serving::ask_server_counts(load.server, load.api_key);
  serving::LoadResult result;
  {
    ProgressBar bar("requests");
    result = run_load(load, prompts,
                      [&](size_t done) { bar.show(static_cast<int64_t>(done), static_cast<int64_t>(prompts.size())); });
  }
  serving::Report report = make_report(result.requests, result.seconds);
  report.backend = options.backend;
  report.request_rate = options.request_rate;
  report.max_concurrency = options.max_concurrency;
  const auto after = serving::ask_server_counts(load.server, load.api_key);
  if (before && after) report.server = after->since(*before);
  if (options.json) {
    fmt::print(out, "{}\n", report_json(report));
  } else {
    print_report(report, out);
  }
  if (report.num_failed > 0) {
    return fail("{} of {} requests failed; the first: {}", report.num_failed, prompts.size(), report.first_error);
  }
  return {};
}

}  // namespace braid
