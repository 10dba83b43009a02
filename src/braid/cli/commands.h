// The commands of the program `braid`: each function adds one, with its flags. Tested by tests/e2e.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/result.h"
#include "braid/cli/command_line.h"

namespace braid {

// Which function runs for a command.
class CommandRunner {
 public:
  // An error is printed as "error: …", and the exit code is 1.
  void on(const Command& command, std::function<Status()> run) {
    runs_[command.app()] = [run = std::move(run)]() -> Result<int> {
      TRY_STATUS(run());
      return 0;
    };
  }
  // The same for a command with exit codes of its own.
  void on_code(const Command& command, std::function<Result<int>()> run) { runs_[command.app()] = std::move(run); }

  const std::function<Result<int>()>* find(const CLI::App* command) const {
    const auto found = runs_.find(command);
    return found == runs_.end() ? nullptr : &found->second;
  }

 private:
  std::map<const CLI::App*, std::function<Result<int>()>> runs_;
};

void add_generate_command(Command app, CommandRunner& runner);
void add_chat_command(Command app, CommandRunner& runner);
void add_logits_command(Command app, CommandRunner& runner);
void add_batch_command(Command app, CommandRunner& runner);
// `arguments`: the program's own, behind the command's name.
void add_serve_command(Command app, CommandRunner& runner, const std::string& version,
                       std::vector<std::string> arguments);
void add_rank_command(Command app, CommandRunner& runner, const std::string& version);
void add_node_run_command(Command app, CommandRunner& runner);
void add_keygen_command(Command app, CommandRunner& runner);
void add_doctor_command(Command app, CommandRunner& runner, const std::string& version,
                        std::vector<std::string> arguments);
void add_ping_command(Command app, CommandRunner& runner);
void add_text_commands(Command app, CommandRunner& runner);  // tokenize, detokenize, render, inspect

}  // namespace braid
