// The commands of the program `braid`, one maker each: flags in, exit code out.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "braid/api/engine.h"
#include "braid/base/result.h"

namespace braid {

// Which function belongs to the command that was chosen.
class CommandRunner {
 public:
  // An error is printed as "error: …" and gives exit code 1.
  void on(const CLI::App* command, std::function<Status()> run) {
    runs_[command] = [run = std::move(run)]() -> Result<int> {
      TRY_STATUS(run());
      return 0;
    };
  }
  // The same for a command with exit codes of its own.
  void on_code(const CLI::App* command, std::function<Result<int>()> run) { runs_[command] = std::move(run); }

  const std::function<Result<int>()>* find(const CLI::App* command) const {
    const auto found = runs_.find(command);
    return found == runs_.end() ? nullptr : &found->second;
  }

 private:
  std::map<const CLI::App*, std::function<Result<int>()>> runs_;
};

void add_generate_command(CLI::App& app, CommandRunner& runner);
void add_chat_command(CLI::App& app, CommandRunner& runner);
void add_logits_command(CLI::App& app, CommandRunner& runner);
void add_batch_command(CLI::App& app, CommandRunner& runner);
void add_serve_command(CLI::App& app, CommandRunner& runner, const std::string& version);
void add_text_commands(CLI::App& app, CommandRunner& runner);  // tokenize, detokenize, render, inspect

}  // namespace braid
