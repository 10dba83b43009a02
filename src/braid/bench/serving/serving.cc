#include "braid/bench/serving/serving.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "braid/bench/serving/client.h"
#include "braid/bench/serving/server_counts.h"
#include "braid/bench/serving/server_page.h"
#include "braid/bench/serving/server_profile.h"
#include "braid/cli/terminal.h"

namespace braid {
namespace {

using serving::Prompt;

constexpr double kAtOnce = std::numeric_limits<double>::infinity();

// Chat takes only text: random ids are decoded, and the server counts them again.
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

// What the flags' texts say.
Status read_names(BenchServingOptions& options) {
  TRY(options.workload.dataset, serving::parse_dataset(options.dataset));
  TRY(options.workload.image_size, serving::parse_image_size(options.image_size));
  TRY(options.workload.image_format, serving::parse_image_format(options.image_format));
  const bool has_images = options.workload.dataset == serving::Dataset::kRandomImage;
  if (options.backend.empty()) options.backend = has_images ? "openai-chat" : "openai";
  TRY(const serving::Backend backend, serving::parse_backend(options.backend));
  if (has_images && backend != serving::Backend::kChat) {
    return fail("--backend {}: --dataset-name random-image is of chats: must be openai-chat", options.backend);
  }
  if (options.num_checked_answers > 0 && options.temperature > 0) {
    return fail("--check-answers {} compares greedy answers: --temperature must be 0", options.num_checked_answers);
  }
  return {};
}

Result<serving::LoadOptions> load_options(const BenchServingOptions& options) {
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
  load.body.return_token_ids = options.return_token_ids;
  load.keeps_text = options.num_checked_answers > 0;
  return load;
}

Status check_long_prompts(const BenchServingOptions& options, const serving::LoadOptions& load, size_t num_prompts) {
  if (options.long_prompts.count == 0) return {};
  if (load.body.backend == serving::Backend::kChat) {
    return fail("--long-prompts are token ids: --backend openai-chat does not take them");
  }
  constexpr int64_t kMaxTokens = int64_t{1} << 28;  // all prompts exist before the first one is sent
  if (options.long_prompts.count > kMaxTokens / options.long_prompts.len) {
    return fail("--long-prompts {} of --long-prompt-len {}: together they must have at most {} tokens",
                options.long_prompts.count, options.long_prompts.len, kMaxTokens);
  }
  if (options.max_concurrency > 0 && static_cast<size_t>(options.max_concurrency) < num_prompts) {
    return fail("--long-prompts come when all other requests decode: --max-concurrency {} does not let {} run at once",
                options.max_concurrency, num_prompts);
  }
  return {};
}

Status warm_up(const BenchServingOptions& options, const serving::LoadOptions& load, const Prompt& prompt) {
  if (options.num_warmup_requests == 0) return {};
  serving::LoadOptions at_once = load;
  at_once.request_rate = kAtOnce;
  const std::vector<Prompt> prompts(static_cast<size_t>(options.num_warmup_requests), prompt);
  const serving::LoadResult result = run_load(at_once, prompts, {}, [](size_t) {});
  for (const serving::RequestTimes& request : result.requests) {
    if (!request.error.empty()) return fail("{}: {}", options.base_url, request.error);
  }
  return {};
}

serving::LoadResult run_with_bar(const serving::LoadOptions& load, std::span<const Prompt> prompts,
                                 const serving::LateRequests& late) {
  ProgressBar bar("requests");
  const auto num_all = static_cast<int64_t>(prompts.size() + late.prompts.size());
  return run_load(load, prompts, late, [&](size_t done) { bar.show(static_cast<int64_t>(done), num_all); });
}

// So that the server does not know the prompts when they come again.
Status flush_cache(const serving::LoadOptions& load, std::string_view flag) {
  const auto flushed = serving::ask_server(load.server, load.api_key, serving::PageMethod::kPost, "/flush_cache");
  if (flushed.ok()) return {};
  return fail("{} sends the same prompts twice, and the server must forget them in between: {}", flag,
              flushed.error().message);
}

// Sends `count` of the requests again, one after the other.
Result<serving::AnswerCheck> check_answers(const serving::LoadOptions& load, std::span<const Prompt> prompts,
                                           std::span<const serving::RequestTimes> answered, int32_t count) {
  TRY_STATUS(flush_cache(load, "--check-answers"));
  std::vector<size_t> places;
  std::vector<Prompt> again;
  const size_t num_checked = std::min(static_cast<size_t>(count), prompts.size());
  for (size_t i = 0; i < num_checked; ++i) {
    places.push_back(i * prompts.size() / num_checked);
    again.push_back(prompts[places.back()]);
  }
  serving::LoadOptions one_by_one = load;
  one_by_one.request_rate = kAtOnce;
  one_by_one.max_concurrency = 1;
  const serving::LoadResult alone = run_with_bar(one_by_one, again, {});
  serving::AnswerCheck check{.num_checked = std::ssize(places)};
  for (size_t i = 0; i < places.size(); ++i) {
    const serving::RequestTimes& before = answered[places[i]];
    const bool has_both = before.error.empty() && alone.requests[i].error.empty();
    if (has_both && before.text == alone.requests[i].text) ++check.num_equal;
  }
  return check;
}

// Sends all requests at once, up to --max-concurrency under way. Afterwards the server's prefix cache is as empty as
// before.
Result<serving::Capacity> measure_capacity(const serving::LoadOptions& load, std::span<const Prompt> prompts,
                                           double share) {
  serving::LoadOptions at_once = load;
  at_once.request_rate = kAtOnce;
  const serving::LoadResult result = run_with_bar(at_once, prompts, {});
  const serving::Report report = make_report(result.requests, {}, result.seconds);
  if (report.num_failed > 0) {
    return fail("capacity: {} of {} requests failed; the first: {}", report.num_failed, prompts.size(),
                report.first_error);
  }
  TRY_STATUS(flush_cache(load, "--capacity-share"));
  return serving::Capacity{.requests_per_s = static_cast<double>(report.num_completed) / result.seconds,
                           .output_tokens_per_s = static_cast<double>(report.output_tokens) / result.seconds,
                           .share = share};
}

}  // namespace

Status run_bench_serving(BenchServingOptions options, std::FILE* out) {
  TRY_STATUS(read_names(options));
  TRY(serving::LoadOptions load, load_options(options));

  std::unique_ptr<Tokenizer> tokenizer;
  if (!options.tokenizer.model_path.empty()) {
    TRY(tokenizer, load_tokenizer(options.tokenizer));
    options.workload.vocab_size = static_cast<int32_t>(tokenizer->vocab_size());
  }
  TRY(std::vector<Prompt> prompts, serving::make_workload(options.workload, tokenizer.get()));
  TRY_STATUS(check_long_prompts(options, load, prompts.size()));
  if (load.body.backend == serving::Backend::kChat) TRY_STATUS(make_texts(prompts, tokenizer.get()));
  const serving::LongPromptOptions& long_options = options.long_prompts;
  const std::vector<Prompt> long_prompts =
      serving::make_long_prompts(options.workload, long_options.count, long_options.len, options.workload.seed + 3);

  TRY_STATUS(warm_up(options, load, prompts.front()));
  std::optional<serving::Capacity> capacity;
  if (options.capacity_share > 0) {
    TRY(capacity, measure_capacity(load, prompts, options.capacity_share));
    load.request_rate = options.capacity_share * capacity->requests_per_s;
  }
  auto before = serving::ask_server_counts(load.server, load.api_key);
  std::optional<double> chunk_s;
  if (long_options.count > 0 && before && before->chunked_prefill_size) {
    TRY(chunk_s, measure_chunk(load, options.workload, long_options.len, *before->chunked_prefill_size));
    before = serving::ask_server_counts(load.server, load.api_key);
  }
  std::optional<serving::ServerProfile> profile;
  if (!options.profile.empty()) {
    TRY(serving::ServerProfile begun, serving::ServerProfile::start(load, options.profile));
    profile.emplace(std::move(begun));
  }
  const serving::LoadResult result = run_with_bar(load, prompts, {.prompts = long_prompts, .rate = long_options.rate});
  if (profile) {
    TRY(const std::string summary, profile->stop());
    fmt::print(options.json ? stderr : out, "{}{}: open it in chrome://tracing or ui.perfetto.dev\n", summary,
               options.profile);
  }
  serving::Report report = make_report(result.requests, result.late, result.seconds);
  report.backend = options.backend;
  report.request_rate = load.request_rate;
  report.max_concurrency = options.max_concurrency;
  report.capacity = capacity;
  if (long_options.count > 0) {
    report.long_prompts =
        report_long_prompts(result.requests, result.late, long_options, report.steady_inter_token.median, chunk_s);
  }
  const auto after = serving::ask_server_counts(load.server, load.api_key);
  if (before && after) report.server = after->since(*before);
  if (options.num_checked_answers > 0) {
    TRY(report.answers, check_answers(load, prompts, result.requests, options.num_checked_answers));
  }
  if (options.json) {
    fmt::print(out, "{}\n", report_json(report));
  } else {
    print_report(report, out);
  }
  if (report.num_failed > 0) {
    return fail("{} of {} requests failed; the first: {}", report.num_failed, prompts.size(), report.first_error);
  }
  if (report.answers && report.answers->num_equal < report.answers->num_checked) {
    return fail("{} of {} requests had another answer alone", report.answers->num_checked - report.answers->num_equal,
                report.answers->num_checked);
  }
  if (report.long_prompts && report.long_prompts->num_failed > 0) {
    return fail("{} of {} long prompts failed; the first: {}", report.long_prompts->num_failed, long_prompts.size(),
                report.long_prompts->first_error);
  }
  if (report.long_prompts && report.long_prompts->num_gaps == 0) {
    return fail(
        "no request decoded while --long-prompts were there: --random-output-len {} ends too early for "
        "--long-prompt-rate {}",
        options.workload.output_len, long_options.rate);
  }
  return {};
}

}  // namespace braid
