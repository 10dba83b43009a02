#include "braid/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "braid/cli/arguments.h"
#include "braid/cli/config_file.h"

namespace braid {
namespace {

// How --help reads: a value's kind, what the flag is for, its default.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(40);
    label("INT", "N");
    label("UINT", "N");
    label("FLOAT", "X");
    label("SUBCOMMAND", "COMMAND");
  }

  std::string make_help(const CLI::App* command, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = Formatter::make_help(command, std::move(name), mode);
    for (size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
    return text;
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_items_expected_max() == 0) return "";  // a switch
    std::string type = option->get_type_name();            // CLI11 appends the names of checks after colons
    type.resize(std::min(type.find(':'), type.size()));
    return type.empty() ? "" : " " + get_label(type);
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (option->get_required()) text += " (required)";
    if (!option->get_default_str().empty() && option->get_default_str() != "[]")
      text += " (default: " + option->get_default_str() + ")";
    return text;
  }
};

void for_each_command(CLI::App& app, const std::function<void(CLI::App&)>& visit) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name().empty()) continue;  // an option group, not a command
    visit(*command);
    for_each_command(*command, visit);  // bench has commands of its own
  }
}

}  // namespace

Flag Flag::group(const std::string& heading) const {
  return Flag(option_->group(heading));
}
Flag Flag::type_name(const std::string& name) const {
  return Flag(option_->type_name(name));
}
Flag Flag::default_text(const std::string& text) const {
  return Flag(option_->default_str(text));
}
Flag Flag::show_default() const {
  return Flag(option_->capture_default_str());
}
Flag Flag::required() const {
  return Flag(option_->required());
}
Flag Flag::one_value_each_time() const {
  return Flag(option_->allow_extra_args(false));
}
Flag Flag::delimiter(char separator) const {
  return Flag(option_->delimiter(separator));
}
Flag Flag::excludes(const Flag& other) const {
  return Flag(option_->excludes(other.option_));
}
Flag Flag::check(const FlagCheck& check) const {
  return Flag(option_->check(check));
}
Flag Flag::convert(const FlagConversion& convert) const {
  return Flag(option_->transform(CLI::Validator(convert, "")));
}

Command Command::add_command(const std::string& name, const std::string& description) const {
  return app_->add_subcommand(name, description);
}

void Command::require_command() const {
  app_->require_subcommand(1);
}

template <typename Value>
Flag Command::add_option(const std::string& names, Value& value, const std::string& description) const {
  return Flag(app_->add_option(names, value, description));
}
template Flag Command::add_option(const std::string&, std::string&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::vector<std::string>&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::vector<int32_t>&, const std::string&) const;
template Flag Command::add_option(const std::string&, int32_t&, const std::string&) const;
template Flag Command::add_option(const std::string&, int64_t&, const std::string&) const;
template Flag Command::add_option(const std::string&, uint64_t&, const std::string&) const;
template Flag Command::add_option(const std::string&, float&, const std::string&) const;
template Flag Command::add_option(const std::string&, double&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<std::string>&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<int32_t>&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<uint64_t>&, const std::string&) const;
template Flag Command::add_option(const std::string&, std::optional<float>&, const std::string&) const;

Flag Command::add_seconds(const std::string& names, std::chrono::milliseconds& time,
                          const std::string& description) const {
  const auto set = [&time](const double& seconds) {
    time = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  };
  return Flag(app_->add_option_function<double>(names, set, description)
                  ->default_str(fmt::format("{}", static_cast<double>(time.count()) / 1000)));
}

Flag Command::add_flag(const std::string& names, bool& value, const std::string& description) const {
  return Flag(app_->add_flag(names, value, description));
}

void Command::take_the_rest(std::vector<std::string>& words) const {
  app_->prefix_command();
  app_->final_callback([app = app_, &words] { words = app->remaining(); });
}

bool Command::has(const std::string& flag) const {
  return app_->count(flag) > 0;
}

CommandLine::CommandLine(ProgramTexts texts)
    : texts_(std::move(texts)), root_(std::make_unique<CLI::App>(texts_.description, texts_.name)) {
  root_->set_version_flag("--version", texts_.version);
  root_->require_subcommand(1);
  root_->formatter(std::make_shared<HelpFormatter>());
}

CommandLine::~CommandLine() = default;

Result<const CLI::App*> CommandLine::parse(std::vector<std::string> arguments) {
  root_->footer(texts_.footer);  // a command that is added later would inherit it
  for_each_command(*root_, [](CLI::App& command) {
    command.group("Commands");
    // Known to every command, so that --help names it. expand_config_file() removes it from the arguments.
    command.add_option("--config", "A file of flags, one `name = value` a line; the command line wins")
        ->type_name("FILE");
    let_last_value_win(command);
  });
  TRY(arguments, expand_config_file(std::move(arguments)));
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them in this order
    root_->parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    const bool has_known_command = !root_->get_subcommands().empty() || root_->remaining().empty();
    if (!is_help || !has_known_command) return fail("{}", explain_parse_error(*root_, error, arguments));
    root_->exit(error);  // prints --help or --version
    return nullptr;
  }
  const CLI::App* command = root_.get();
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return command;
}

}  // namespace braid
