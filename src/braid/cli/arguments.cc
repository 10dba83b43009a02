#include "braid/cli/arguments.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <utility>

namespace braid {
namespace {

// The name nearest to the word, within a third of its length; else one with the same beginning; empty: none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t distance = edit_distance(word, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  if (!best.empty()) return best;
  size_t longest_beginning = 6;  // "--" and five letters are no coincidence
  for (const std::string& name : names) {
    const auto differs = std::mismatch(word.begin(), word.end(), name.begin(), name.end()).first;
    const auto common = static_cast<size_t>(differs - word.begin());
    if (common > longest_beginning) {
      longest_beginning = common;
      best = name;
    }
  }
  return best;
}

std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CLI::App* part : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (!part->get_name().empty()) continue;  // an option group, not a command
    const auto more = flag_names(*part);
    names.insert(names.end(), more.begin(), more.end());
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_name().empty()) names.push_back(command->get_name());
  }
  return names;
}

// "braid bench latency"
std::string path_of(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return (parent == nullptr ? "" : path_of(*parent) + " ") + command.get_name();
}

bool is_flag(std::string_view argument) {
  return argument.size() > 1 && argument.front() == '-';
}

bool is_missing(const CLI::App& command, const std::string& name) {
  const CLI::Option* option = command.get_option_no_throw(name);
  return option != nullptr && option->count() == 0;
}

std::string explain_unknown_flag(const CLI::App& command, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const std::string suggestion = nearest(name, flag_names(command));
  return fmt::format(
      "unknown flag {}{}", name,
      suggestion.empty() ? "; see " + path_of(command) + " --help" : "; did you mean " + suggestion + "?");
}

// `command` has commands of its own, and the arguments name none that it knows.
std::string explain_command(const CLI::App& command, std::string_view word) {
  const auto known = command_names(command);
  if (word.empty()) {
    return fmt::format("which command? one of: {}; see {} --help", fmt::join(known, ", "), path_of(command));
  }
  const std::string suggestion = nearest(word, known);
  return fmt::format(
      "unknown command {}{}", word,
      suggestion.empty() ? fmt::format(" (known: {})", fmt::join(known, ", ")) : "; did you mean " + suggestion + "?");
}

std::string explain_unexpected(const CLI::App& command, const std::string& argument) {
  for (const auto& [flag, what] : {std::pair("--model-path", "the model"), std::pair("--prompt", "the prompt")}) {
    if (is_missing(command, flag))
      return fmt::format("unexpected argument {}; {} is given by {}", argument, what, flag);
  }
  return fmt::format("unexpected argument {}; see {} --help", argument, path_of(command));
}

// The first flag that needs a value but is followed by another flag, or by nothing.
std::string name_without_value(const CLI::App& command, const std::vector<std::string>& arguments) {
  const auto names = flag_names(command);
  const auto is_name = [&](const std::string& text) { return std::ranges::find(names, text) != names.end(); };
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with("--") || !is_name(arguments[i])) continue;
    if (command.get_option(arguments[i])->get_items_expected_max() == 0) continue;
    if (i + 1 == arguments.size() || is_name(arguments[i + 1])) return arguments[i];
    ++i;
  }
  return {};
}

// "braid batch needs INPUT, --model-path"
std::string explain_missing(const CLI::App& command) {
  std::vector<std::string> missing;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_required() && option->count() == 0) missing.push_back(option->get_name(option->get_positional()));
  }
  return fmt::format("{} needs {}; see {} --help", path_of(command), fmt::join(missing, ", "), path_of(command));
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

void let_last_value_win(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() == 1) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  for (CLI::App* part : command.get_subcommands([](const CLI::App*) { return true; })) let_last_value_win(*part);
}

std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  const std::vector<std::string> left = command->remaining();
  const auto flag = std::ranges::find_if(left, is_flag);
  if (!command_names(*command).empty()) {  // one of its own commands should follow
    const auto word = std::ranges::find_if_not(left, is_flag);
    if (flag != left.end() && (word == left.end() || flag < word)) return explain_unknown_flag(*command, *flag);
    return explain_command(*command, word == left.end() ? "" : *word);
  }
  if (flag != left.end()) return explain_unknown_flag(*command, *flag);
  if (!left.empty()) {
    // A value may stand alone because an earlier flag took this value's flag as its own value.
    const std::string name = name_without_value(*command, arguments);
    return name.empty() ? explain_unexpected(*command, left.front()) : name + " needs a value";
  }
  // Parsing may have stopped before an unknown flag.
  const auto known = flag_names(*command);
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name.starts_with("--") && std::ranges::find(known, name) == known.end()) {
      return explain_unknown_flag(*command, argument);
    }
  }
  if (const std::string name = name_without_value(*command, arguments); !name.empty()) return name + " needs a value";
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return explain_missing(*command);

  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  // CLI11 writes "--seed: -1: must be …" (the text of our check) and "Could not convert: --top-p = x".
  if (const size_t colon = message.find(": ");
      dynamic_cast<const CLI::ValidationError*>(&error) != nullptr && message.find(": must be ") != std::string::npos) {
    return message.erase(colon, 1);
  }
  constexpr std::string_view kConversion = "Could not convert: ";
  if (const size_t separator = message.find(" = ");
      message.starts_with(kConversion) && separator != std::string::npos) {
    const std::string name = message.substr(kConversion.size(), separator - kConversion.size());
    const CLI::Option* option = command->get_option_no_throw(name);
    if (option == nullptr || option->count() == 0) return message;
    if (option->get_items_expected_max() > 0) return message;
    return fmt::format("{} {}: must be true or false", name, option->results().back());
  }
  if (const size_t missing = message.find(": 1 required "); missing != std::string::npos) {
    return message.substr(0, missing) + " needs a value";
  }
  return message;
}

}  // namespace braid
