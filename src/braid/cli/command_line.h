// The program's commands and their flags. Hides CLI11, whose header takes four seconds to compile: only
// command_line.cc and arguments.cc of this module include it. Tested by arguments_test.cc and tests/e2e.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace braid {

// Returns why a flag does not take this value, as "VALUE: must be …"; empty if it does.
using FlagCheck = std::function<std::string(const std::string& value)>;
// The same; it may replace the value by the text from which the flag's variable is read.
using FlagConversion = std::function<std::string(std::string& value)>;

// A flag or a positional argument of a command: its text in --help, and the values it takes.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  Flag group(const std::string& heading) const;  // its heading in --help
  Flag type_name(const std::string& name) const;
  Flag default_text(const std::string& text) const;
  Flag show_default() const;  // the variable's present value
  Flag required() const;
  Flag delimiter(char separator) const;    // of a list's values within one argument
  Flag excludes(const Flag& other) const;  // giving both is an error
  Flag one_value_each_time() const;        // of a list: the argument after the value is not another value
  Flag check(const FlagCheck& check) const;
  Flag convert(const FlagConversion& convert) const;

 private:
  CLI::Option* option_;
};

class Command {
 public:
  // Implicit, so that code that uses CLI11 itself can call functions that take a Command.
  Command(CLI::App* app) : app_(app) {}   // NOLINT: implicit on purpose
  Command(CLI::App& app) : app_(&app) {}  // NOLINT: implicit on purpose

  Command add_command(const std::string& name, const std::string& description) const;
  void require_command() const;  // the command line must name one of its commands
  // `names`: "--model-path,--model", or "INPUT" for a positional argument. command_line.cc lists the types of Value.
  template <typename Value>
  Flag add_option(const std::string& names, Value& value, const std::string& description) const;
  // A time in seconds on the command line.
  Flag add_seconds(const std::string& names, std::chrono::milliseconds& time, const std::string& description) const;
  // All words from the first on that is no flag, whatever they look like.
  void take_the_rest(std::vector<std::string>& words) const;
  // A switch.
  Flag add_flag(const std::string& names, bool& value, const std::string& description) const;

  bool has(const std::string& flag) const;  // on the command line that was parsed

  CLI::App* app() const { return app_; }

 private:
  CLI::App* app_;
};

struct ProgramTexts {
  std::string name;
  std::string description;
  std::string version;
  std::string footer;  // of --help
};

class CommandLine {
 public:
  explicit CommandLine(ProgramTexts texts);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // Commands are added to it.
  CLI::App& root() { return *root_; }

  // The command that the arguments name; null if they ask for --help or --version, which is then printed. An error is
  // one line that says what is wrong with them. To be called once, when all commands are added.
  Result<const CLI::App*> parse(std::vector<std::string> arguments);

 private:
  const ProgramTexts texts_;
  const std::unique_ptr<CLI::App> root_;
};

}  // namespace braid
