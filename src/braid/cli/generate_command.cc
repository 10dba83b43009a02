// braid generate: one prompt, its continuation on the terminal.
#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "braid/cli/arguments.h"
#include "braid/cli/commands.h"
#include "braid/cli/flags.h"
#include "braid/cli/terminal.h"

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

Result<GenerationRequest> make_request(const GenerateFlags& flags, const CLI::App& command, const Engine& engine) {
  GenerationRequest request;
  flags.sampling.apply(engine.generation_defaults(), request);
  if (command.count("--input-ids") > 0) {
    if (flags.is_chat) return fail("--chat needs a text: --prompt or --prompt-file, not --input-ids");
    TRY(request.prompt, parse_token_ids(flags.input_ids));
    return request;
  }
  std::string text = flags.prompt;
  if (command.count("--prompt-file") > 0) {
    std::ifstream in(flags.prompt_file, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
    if (!in) return fail("--prompt-file {}: cannot be read", flags.prompt_file);
  }
  if (flags.is_chat) {
    TRY(text, engine.text().render_chat(single_message(text)));
    request.add_special_tokens = false;
  }
  request.prompt = std::move(text);
  return request;
}

std::string finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "none";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kError:
      return "error";
  }
  return "none";
}

Status run(const GenerateFlags& flags, const CLI::App& command) {
  TRY(const EngineOptions options, flags.model.engine_options());
  TRY(const auto engine, load_engine(options, flags.as_json ? "warning" : flags.model.log_level));
  TRY(GenerationRequest request, make_request(flags, command, *engine));

  std::string text;
  std::vector<TokenId> ids;
  Delta last;
  const auto on_delta = [&](const Delta& delta) {
    text += delta.text;
    for (const SampledToken& token : delta.tokens) ids.push_back(token.token);
    if (!flags.as_json) std::cout << delta.text << std::flush;
    last = delta;
  };
  TRY(const SubmissionId id, engine->submit(std::move(request), on_delta));
  engine->wait(id);
  if (last.finish == FinishReason::kError) return fail("{}", last.error);
  if (flags.as_json) {
    const Json object = {{"text", text},
                         {"output_ids", ids},
                         {"finish_reason", finish_name(last.finish)},
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

void add_generate_command(CLI::App& app, CommandRunner& runner) {
  auto flags = std::make_shared<GenerateFlags>();
  CLI::App* command = app.add_subcommand("generate", "Continue one prompt");
  add_engine_flags(*command, flags->model);
  add_sampling_flags(*command, flags->sampling);
  auto* input = command->add_option_group("Prompt", "What to continue (one of)");
  input->add_option("--prompt", flags->prompt, "The text");
  input->add_option("--prompt-file", flags->prompt_file, "A file with the text");
  input->add_option("--input-ids", flags->input_ids, "Token ids: 1,2,3");
  input->require_option(1);
  command->add_flag("--chat", flags->is_chat, "The prompt is a user's message: apply the model's chat template");
  command->add_flag("--json", flags->as_json, "Print one JSON object: text, output_ids, finish_reason, …");
  runner.on(command, [flags, command, input] {
    (void)input;
    return run(*flags, *command);
  });
}

}  // namespace braid
