// The flags of `braid bench serving`. Tested by tests/e2e/test_bench.py and tests/e2e/test_bad_input.py.
#include <limits>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/serving/serving.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {
namespace {

void add_workload_flags(Command command, serving::WorkloadOptions& workload) {
  const auto number = [&](const char* name, auto& value, const char* help, uint64_t smallest, uint64_t largest) {
    add_number(command, name, value, help, smallest, largest).group("Workload");
  };
  command.add_option("--dataset-path", workload.path, "sharegpt's JSON, or lines of {\"prompt\": …, \"output_len\": …}")
      .group("Workload");
  number("--num-prompts", workload.num_prompts, "Requests (but for generated-shared-prefix)", 1, kMaxBenchRequests);
  number("--random-input-len", workload.input_len, "Tokens of a prompt at most", 1, kMaxBenchTokens);
  number("--random-output-len", workload.output_len, "Tokens that a request generates at most", 1, kMaxBenchTokens);
  command.add_option("--random-range-ratio", workload.range_ratio, "Lengths are drawn from [length x ratio, length]")
      .check(number_from(0, 1))
      .show_default()
      .group("Workload");
  number("--sharegpt-output-len", workload.fixed_output_len, "Instead of the data's; 0: those", 0, kMaxBenchTokens);
  number("--gsp-num-groups", workload.num_prefixes, "generated-shared-prefix: prefixes", 1, kMaxBenchRequests);
  number("--gsp-prompts-per-group", workload.prompts_per_prefix, "Prompts with the same prefix", 1, kMaxBenchRequests);
  number("--gsp-system-prompt-len", workload.prefix_len, "Tokens of a prefix", 1, kMaxBenchTokens);
  number("--gsp-question-len", workload.question_len, "Tokens behind it", 1, kMaxBenchTokens);
  number("--gsp-output-len", workload.question_output_len, "Tokens that each of those generates", 1, kMaxBenchTokens);
  number("--vocab-size", workload.vocab_size, "Random ids are below it; --tokenizer-path sets it",
         workload.num_reserved_ids + 1, std::numeric_limits<int32_t>::max());
  number("--seed", workload.seed, "Of the workload and of the arrivals", 0, kMaxSeed);
}

void add_image_flags(Command command, BenchServingOptions& options) {
  const auto add_to_section = [](const Flag& flag) { flag.group("Images (--dataset-name random-image)"); };
  serving::WorkloadOptions& workload = options.workload;
  add_to_section(
      command.add_option("--image-size,--image-resolution", options.image_size, "Pixels: WIDTHxHEIGHT").show_default());
  add_to_section(command.add_option("--image-format", options.image_format, "jpeg or png").show_default());
  add_to_section(
      add_number(command, "--image-count", workload.image_count, "Images of a request that has any", 1, 256));
  add_to_section(command.add_option("--image-share", workload.image_share, "Requests with images; the others are text")
                     .check(number_from(0, 1))
                     .show_default());
}

void add_long_prompt_flags(Command command, serving::LongPromptOptions& long_prompts) {
  const auto add_to_section = [](const Flag& flag) { flag.group("Long prompts"); };
  add_to_section(add_number(command, "--long-prompts", long_prompts.count,
                            "Prompts that arrive when all other requests decode, for one token each", 0,
                            kMaxBenchRequests));
  add_to_section(add_number(command, "--long-prompt-len", long_prompts.len, "Tokens of each", 1, kMaxBenchTokens));
  add_to_section(
      command.add_option("--long-prompt-rate", long_prompts.rate, "Poisson arrivals a second; inf: all at once")
          .check(number_above(0, std::numeric_limits<double>::infinity()))
          .show_default());
}

}  // namespace

void add_bench_serving_command(Command bench, CommandRunner& runner) {
  auto options = std::make_shared<BenchServingOptions>();
  const Command command = bench.add_command("serving", "A load on a running server, and what its clients see");
  command.add_option("--base-url", options->base_url, "The server").show_default();
  command
      .add_option("--backend", options->backend,
                  "openai (/v1/completions), openai-chat (/v1/chat/completions) or sglang (/generate)")
      .default_text("openai; of random-image openai-chat");
  command.add_option("--model", options->model, "The model's name in requests; default: none");
  command.add_option("--api-key", options->api_key, "Sent as a bearer token");
  command.add_option("--tokenizer-path,--tokenizer", options->tokenizer.model_path,
                     "The model's directory or GGUF file, for datasets of text");
  command
      .add_option("--dataset-name", options->dataset,
                  "random, heavy-tail, sharegpt, generated-shared-prefix, jsonl or random-image")
      .show_default();
  add_workload_flags(command, options->workload);
  add_image_flags(command, *options);
  const Flag rate =
      command.add_option("--request-rate", options->request_rate, "Poisson arrivals a second; inf: all at once")
          .check(number_above(0, std::numeric_limits<double>::infinity()))
          .show_default();
  command
      .add_option("--capacity-share", options->capacity_share,
                  "Poisson arrivals at this share of what the server can do, which all requests at once show first")
      .check(number_above(0, 1000))
      .excludes(rate);
  add_long_prompt_flags(command, options->long_prompts);
  add_number(command, "--max-concurrency", options->max_concurrency, "Requests under way at once; 0: no limit", 0,
             kMaxBenchRequests);
  add_number(command, "--warmup-requests", options->num_warmup_requests, "Before the clock starts", 0,
             kMaxBenchRequests);
  command.add_option("--temperature", options->temperature, "0: greedy").check(number_from(0, 1e6)).show_default();
  command.add_flag("!--disable-ignore-eos", options->ignore_eos, "Let answers end where the model ends them");
  command.add_flag("--return-token-ids", options->return_token_ids,
                   "Ask for token ids, so that latencies count tokens that end no character, too");
  add_number(command, "--check-answers", options->num_checked_answers,
             "So many of the requests are sent again, each alone, and must have the same answers", 0,
             kMaxBenchRequests);
  command
      .add_option(
          "--profile", options->profile,
          "Have the server record what its ranks do under this load, on all nodes: a timeline in Chrome's trace "
          "format, and a table of shares")
      .type_name("FILE");
  command.add_flag("--json", options->json, "One line of JSON");
  runner.on(command, [options]() -> Status {
    options->tokenizer.environment = model_path_environment();
    TRY_STATUS(fetch_text_files(options->tokenizer));
    return run_bench_serving(*options, stdout);
  });
}

}  // namespace braid
