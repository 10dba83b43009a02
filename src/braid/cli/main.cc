// The program `braid`: picks a command, prints its error as one line, and gives the exit code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "braid/cli/arguments.h"
#include "braid/cli/commands.h"
#include "braid/cli/help_formatter.h"

namespace braid {
namespace {

int fail_with(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  return 1;
}

void for_each_command(CLI::App& app, const std::function<void(CLI::App&)>& visit) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name().empty()) continue;  // an option group, not a command
    visit(*command);
    for_each_command(*command, visit);  // bench has commands of its own
  }
}

int run_program(int argc, char** argv) {
  CLI::App app("braid: an LLM serving engine whose core is data-parallel attention", "braid");
  app.set_version_flag("--version", "braid " BRAID_VERSION);
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  CommandRunner runner;
  add_serve_command(app, runner, BRAID_VERSION);
  add_generate_command(app, runner);
  add_chat_command(app, runner);
  add_logits_command(app, runner);
  add_batch_command(app, runner);
  add_text_commands(app, runner);
  add_bench_commands(app, runner);
  // After the commands, which would each inherit it.
  app.footer(
      "braid COMMAND --help says more. For example:\n  braid generate --model-path PATH --prompt \"Once upon a time\"");
  for_each_command(app, [](CLI::App& command) {
    command.group("Commands");
    add_config_flag(command);
    let_last_value_win(command);
  });

  std::vector<std::string> given(argv + 1, argv + argc);
  if (!given.empty() && given.front() == "help") {  // braid help generate
    given.erase(given.begin());
    given.emplace_back("--help");
  }
  auto arguments = expand_config_file(std::move(given));
  if (!arguments.ok()) return fail_with(arguments.error().message);
  try {
    std::vector<std::string> reversed(arguments->rbegin(), arguments->rend());  // as CLI11 takes them
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help
    return fail_with(explain_parse_error(app, error, *arguments));
  }

  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  const auto result = (*runner.find(command))();
  return result.ok() ? *result : fail_with(result.error().message);
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not our end
  try {
    return braid::run_program(argc, argv);
  } catch (const std::exception& error) {  // the edge of the process: out of memory, say
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
