// The program `braid`: runs a command, prints its error as one line, and returns the exit code. Tested by
// tests/e2e/test_bad_input.py.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/base/freed_memory.h"
#include "braid/base/output_queue.h"
#include "braid/bench/commands.h"
#include "braid/cli/command_line.h"
#include "braid/cli/commands.h"

namespace braid {
namespace {

constexpr std::string_view kUnwritable = "standard output: cannot be written";

// Prints one line, whatever names and values the message contains.
int fail_with(std::string_view message) {
  std::string line;
  for (const char c : message) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    line += is_control ? fmt::format("\\x{:02x}", c) : std::string(1, c);
  }
  write_within(kLastWritesTime, STDERR_FILENO, fmt::format("error: {}\n", line));
  return 1;
}

// Printed text may still be in buffers, and the disk may be full.
bool flush_output() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
}

// Commands by their names; the last entry has several.
std::vector<std::pair<std::string_view, std::function<void(Command)>>> all_commands(
    CommandRunner& runner, const std::vector<std::string>& arguments) {
  const auto plain = [&runner](void (*add)(Command, CommandRunner&)) {
    return [&runner, add](Command app) { add(app, runner); };
  };
  return {{"serve", [&](Command app) { add_serve_command(app, runner, BRAID_VERSION, arguments); }},
          {"doctor", [&](Command app) { add_doctor_command(app, runner, BRAID_VERSION, arguments); }},
          {"ping", plain(add_ping_command)},
          {"rank", [&](Command app) { add_rank_command(app, runner, BRAID_VERSION); }},
          {"node-run", plain(add_node_run_command)},
          {"keygen", plain(add_keygen_command)},
          {"generate", plain(add_generate_command)},
          {"chat", plain(add_chat_command)},
          {"logits", plain(add_logits_command)},
          {"batch", plain(add_batch_command)},
          {"bench", [&](Command app) { add_bench_commands(app, runner, BRAID_VERSION, arguments); }},
          {"", plain(add_text_commands)}};
}

int run_program(int argc, char** argv) {
  CommandLine line({.name = "braid",
                    .description = "braid: an LLM serving engine whose core is data-parallel attention",
                    .version = "braid " BRAID_VERSION,
                    .footer = "braid COMMAND --help says more. For example:\n"
                              "  braid generate --model-path PATH --prompt \"Once upon a time\""});
  CLI::App& root = line.root();
  CommandRunner runner;
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  std::vector<std::string> given(argv + 1, argv + argc);
  if (!given.empty() && given.front() == "help") {  // braid help generate
    given.erase(given.begin());
    given.emplace_back("--help");
  }
  // A program keeps its flags for as long as it runs: so it has those of the named command alone.
  const auto commands = all_commands(runner, arguments);
  const auto is_named = [&](const auto& command) {
    return !given.empty() && !command.first.empty() && command.first == given.front();
  };
  const bool is_one = std::ranges::any_of(commands, is_named);
  for (const auto& command : commands) {
    if (!is_one || is_named(command)) command.second(root);
  }
  const auto command = line.parse(std::move(given));
  if (!command.ok()) return fail_with(command.error().message);
  if (*command == nullptr) return flush_output() ? 0 : fail_with(kUnwritable);
  const auto result = (*runner.find(*command))();
  if (!result.ok()) return fail_with(result.error().message);
  return flush_output() ? *result : fail_with(kUnwritable);
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away makes a write fail; it does not end the program
  std::signal(SIGXFSZ, SIG_IGN);  // the same for a file that may not grow
  braid::keep_freed_memory();
  try {
    return braid::run_program(argc, argv);
  } catch (const std::exception& error) {  // the edge of the process: out of memory, for example
    return braid::fail_with(error.what());
  }
}
