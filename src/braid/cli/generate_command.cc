// braid generate: prints one prompt's continuation. Tested by tests/e2e/test_generate.py.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>
#include <variant>

#include "braid/api/text_model.h"
#include "braid/cli/answer_feed.h"
#include "braid/cli/commands.h"
#include "braid/cli/flag_values.h"
#include "braid/cli/flags.h"
#include "braid/cli/terminal.h"
#include "braid/server/openai/write/responses.h"

namespace braid {
namespace {

struct GenerateFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::string prompt;
  std::string prompt_file;
  std::string input_ids;
  bool is_chat = false;
  bool as_json = false;
};

Json single_message(const std::string& text) {
  Json message = {{"role", "user"}, {"content", text}};
  return {{"messages", Json::array({std::move(message)})}, {"add_generation_prompt", true}};
}

// The command line's prompt, text or token ids. Read before a model is loaded.
Result<std::variant<std::string, std::vector<TokenId>>> read_prompt(const GenerateFlags& flags,
                                                                    const Command& command) {
  const char* const sources[] = {"--prompt", "--prompt-file", "--input-ids"};
  if (std::ranges::count_if(sources, [&](const char* name) { return command.has(name); }) != 1) {
    return fail("give the prompt by one of --prompt, --prompt-file and --input-ids");
  }
  if (!flags.is_chat && command.has("--chat-template")) {
    return fail("--chat-template needs --chat: without it the prompt is taken as it is");
  }
  std::variant<std::string, std::vector<TokenId>> prompt = flags.prompt;
  if (command.has("--input-ids")) {
    if (flags.is_chat) return fail("--chat needs a text: --prompt or --prompt-file, not --input-ids");
    TRY(prompt, parse_token_ids("--input-ids", flags.input_ids));
  } else if (command.has("--prompt-file")) {
    TRY(prompt, read_flag_file("--prompt-file", flags.prompt_file));
  }
  return prompt;
}

Status run(const GenerateFlags& flags, const Command& command) {
  TRY(const EngineOptions options, flags.model.engine_options());
  TRY_STATUS(flags.sampling.check());
  TRY(auto prompt, read_prompt(flags, command));
  TRY(const auto engine, load_engine(options, flags.model.log_level));
  GenerationRequest request;
  flags.sampling.apply(engine->generation_defaults(), request);
  request.prompt = std::move(prompt);
  if (flags.is_chat) {
    TRY(request.prompt, engine->text().chat.render(single_message(std::get<std::string>(request.prompt))));
    request.add_special_tokens = false;
    request.continues_text = false;
  }

  std::string text;
  std::vector<TokenId> ids;
  AnswerFeed feed;
  AnswerFeed::News last;
  TRY(const SubmissionId id, engine->submit(std::move(request), [&](const Delta& delta) { feed.add(delta); }));
  while (!last.has_ended) {
    last = feed.take(std::chrono::minutes(1));
    text += last.text;
    ids.insert(ids.end(), last.ids.begin(), last.ids.end());
    if (flags.as_json || !std::cout) continue;
    std::cout << last.text << std::flush;
    if (!std::cout) engine->abort(id);  // nobody reads: generating more is useless
  }
  engine->wait(id);
  if (last.finish == FinishReason::kError) return fail("{}", last.error);
  if (flags.as_json) {
    const Json object = {{"text", text},
                         {"output_ids", ids},
                         {"finish_reason", openai::finish_reason_name(last.finish)},
                         {"prompt_tokens", last.usage.prompt_tokens},
                         {"completion_tokens", last.usage.output_tokens},
                         {"cached_tokens", last.usage.cached_tokens}};
    std::cout << object.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  std::cout << std::endl;
  if (!std::cout) return fail("standard output: cannot be written");
  return {};
}

}  // namespace

void add_generate_command(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<GenerateFlags>();
  const Command command = app.add_command("generate", "Continue one prompt");
  flags->model.log_level = "warning";  // only the text matters
  add_engine_flags(command, flags->model);
  add_sampling_flags(command, flags->sampling);
  // Exactly one of the three; read_prompt checks that, for a better message.
  command.add_option("--prompt", flags->prompt, "The text to continue").group("Prompt (one of)");
  command.add_option("--prompt-file", flags->prompt_file, "A file with the text")
      .type_name("FILE")
      .group("Prompt (one of)");
  command.add_option("--input-ids", flags->input_ids, "Token ids: 1,2,3").type_name("IDS").group("Prompt (one of)");
  command.add_flag("--chat", flags->is_chat, "The prompt is a user's message: apply the model's chat template");
  command.add_flag("--json", flags->as_json, "Print one JSON object: text, output_ids, finish_reason, …");
  runner.on(command, [flags, command] { return run(*flags, command); });
}

}  // namespace braid
