// braid tokenize, detokenize, render and inspect: commands that read a checkpoint's files but load no weights. Tested
// by tests/e2e/test_text_commands.py and tests/e2e/test_inspect.py.
#include <iostream>

#include "braid/api/text_model.h"
#include "braid/cli/commands.h"
#include "braid/cli/flags.h"
#include "braid/cli/inspect_command.h"
#include "braid/cli/model_files.h"
#include "braid/cli/render_command.h"
#include "braid/cli/terminal.h"
#include "braid/cli/tokenize_commands.h"

namespace braid {
namespace {

void add_tokenize(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<ModelFlags>();
  auto adds_special = std::make_shared<bool>(false);
  const Command command =
      app.add_command("tokenize", "JSON strings on stdin, one a line; arrays of token ids on stdout");
  add_model_flag(command, *flags);
  add_tokenizer_flag(command, *flags);
  command.add_flag("--add-special-tokens", *adds_special, "As the tokenizer's post-processor would");
  runner.on(command, [flags, adds_special]() -> Status {
    ModelSourceOptions source = flags->source_options();
    TRY_STATUS(fetch_text_files(source));
    TRY(const auto tokenizer, load_tokenizer(source));
    TRY_STATUS(tokenize_lines(*tokenizer, *adds_special, std::cin, std::cout));
    return check_standard_input();
  });
}

void add_detokenize(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<ModelFlags>();
  auto skips_special = std::make_shared<bool>(false);
  const Command command =
      app.add_command("detokenize", "Arrays of token ids on stdin, one a line; JSON strings on stdout");
  add_model_flag(command, *flags);
  add_tokenizer_flag(command, *flags);
  command.add_flag("--skip-special-tokens", *skips_special, "Leave them out of the text");
  runner.on(command, [flags, skips_special]() -> Status {
    ModelSourceOptions source = flags->source_options();
    TRY_STATUS(fetch_text_files(source));
    TRY(const auto tokenizer, load_tokenizer(source));
    TRY_STATUS(detokenize_lines(*tokenizer, *skips_special, std::cin, std::cout));
    return check_standard_input();
  });
}

void add_render(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<ModelFlags>();
  const Command command = app.add_command(
      "render", "Conversations on stdin, one JSON object a line; prompts by the chat template on stdout");
  add_model_flag(command, *flags);
  add_template_flag(command, *flags);
  runner.on(command, [flags]() -> Status {
    ModelSourceOptions source = flags->source_options();
    TRY_STATUS(fetch_text_files(source));
    TRY(const ChatTemplates templates, load_chat_templates(source));
    TRY_STATUS(render_lines(std::cin, std::cout, [&](const Json& variables) { return templates.render(variables); }));
    return check_standard_input();
  });
}

void add_inspect(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<ModelFlags>();
  auto as_json = std::make_shared<bool>(false);
  const Command command =
      app.add_command("inspect", "What a checkpoint is, and whether it would run; exit code 0 if it would");
  command.add_option("MODEL,--model-path", flags->model_path, "A directory, a GGUF file, or org/name of the hub")
      .required()
      .type_name("PATH");
  add_download_flag(command, *flags);
  command.add_flag("--json", *as_json, "One JSON object");
  add_split_flags(command, *flags);
  add_step_flags(command, *flags);
  add_number_flags(command, *flags);
  runner.on_code(command, [flags, as_json]() -> Result<int> {
    RankOptions ranks = flags->rank;
    TRY(ranks.layout, flags->parallel_layout());
    TRY_STATUS(flags->set_numbers(ranks));
    ModelSourceOptions source = flags->source_options();
    TRY_STATUS(fetch_models(source, "info"));
    return run_inspect(source.model_path, source.environment, ranks, *as_json, std::cout);
  });
}

}  // namespace

void add_text_commands(Command app, CommandRunner& runner) {
  add_tokenize(app, runner);
  add_detokenize(app, runner);
  add_render(app, runner);
  add_inspect(app, runner);
}

}  // namespace braid
