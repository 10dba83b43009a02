// The program `braid`: picks a command, prints its error as one line, and gives the exit code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/freed_memory.h"
#include "braid/bench/commands.h"
#include "braid/cli/arguments.h"
#include "braid/cli/commands.h"
#include "braid/cli/help_formatter.h"

namespace braid {
namespace {

constexpr std::string_view kUnwritable = "standard output: cannot be written";

// One line, whatever names and values are in the message.
int fail_with(std::string_view message) {
  std::string line;
  for (const char c : message) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    line += is_control ? fmt::format("\\x{:02x}", c) : std::string(1, c);
  }
  fmt::print(stderr, "error: {}\n", line);
  return 1;
}

// What was printed may still wait in buffers, and the disk be full.
bool flush_output() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
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
    const bool is_help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    const bool has_known_command = !app.get_subcommands().empty() || app.remaining().empty();
    if (!is_help || !has_known_command) return fail_with(explain_parse_error(app, error, *arguments));
    app.exit(error);  // --help
    return flush_output() ? 0 : fail_with(kUnwritable);
  }

  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  const auto result = (*runner.find(command))();
  if (!result.ok()) return fail_with(result.error().message);
  return flush_output() ? *result : fail_with(kUnwritable);
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not our end
  std::signal(SIGXFSZ, SIG_IGN);  // so is a file that may not grow
  braid::keep_freed_memory();
  try {
    return braid::run_program(argc, argv);
  } catch (const std::exception& error) {  // the edge of the process: out of memory, say
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
