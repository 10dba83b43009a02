#include "braid/cli/arguments.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

namespace braid {
namespace {

std::string_view trim(std::string_view text) {
  const char* spaces = " \t\r\n";
  const size_t first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

// "a # b" outside quotes is "a".
std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) quote = 0;
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line[i] == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

std::string_view unquote(std::string_view value) {
  const bool is_quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

// The nearest of `names` within a third of the word's length; empty: none is near.
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

void add_config_flag(CLI::App& command) {
  command.add_option("--config", "A file of flags, one `name = value` a line; the command line wins");
}

Result<std::vector<std::string>> config_arguments(std::string_view text, std::string_view file_name) {
  std::vector<std::string> arguments;
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(without_comment(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    const size_t separator = line.find_first_of("=:");
    std::string name(trim(line.substr(0, separator)));
    std::replace(name.begin(), name.end(), '_', '-');
    if (name.starts_with("--")) name.erase(0, 2);
    if (name.empty() || name.find_first_of(" \t\"'") != std::string::npos || name == "config") {
      return fail("{}:{}: \"{}\" is not `name = value`", file_name, number, line);
    }
    const std::string value(separator == std::string_view::npos ? "true" : unquote(trim(line.substr(separator + 1))));
    if (value == "true") {
      arguments.push_back("--" + name);
    } else if (value != "false") {
      arguments.push_back("--" + name + "=" + value);
    }
  }
  return arguments;
}

Result<std::vector<std::string>> expand_config_file(std::vector<std::string> arguments) {
  std::vector<std::string> from_files;
  for (size_t i = 0; i < arguments.size();) {
    std::string file;
    size_t taken = 1;
    if (arguments[i] == "--config" && i + 1 < arguments.size()) {
      file = arguments[i + 1];
      taken = 2;
    } else if (arguments[i].starts_with("--config=")) {
      file = arguments[i].substr(std::string_view("--config=").size());
    } else {
      ++i;
      continue;
    }
    TRY(const std::string text, read_flag_file("--config", file));
    TRY(const auto flags, config_arguments(text, file));
    from_files.insert(from_files.end(), flags.begin(), flags.end());
    arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(i),
                    arguments.begin() + static_cast<ptrdiff_t>(i + taken));
  }
  const auto is_word = [](const std::string& argument) { return !argument.starts_with('-'); };
  auto first_flag = arguments.begin();  // behind the command and, for bench, its own command
  while (first_flag != arguments.end() && is_word(*first_flag)) ++first_flag;
  arguments.insert(first_flag, from_files.begin(), from_files.end());
  return arguments;
}

Result<std::string> read_flag_file(std::string_view flag, const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return fail("{} {}: is a directory", flag, path);
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("{} {}: cannot be read: {}", flag, path, std::strerror(errno));
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return fail("{} {}: cannot be read to its end", flag, path);
  return text;
}

void let_last_value_win(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() == 1) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  for (CLI::App* part : command.get_subcommands([](const CLI::App*) { return true; })) let_last_value_win(*part);
}

Result<std::vector<TokenId>> parse_token_ids(std::string_view text) {
  std::vector<TokenId> ids;
  for (std::string_view left = text;;) {
    const std::string_view one = trim(left.substr(0, left.find(',')));
    TokenId id = 0;
    const auto parsed = std::from_chars(one.data(), one.data() + one.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != one.data() + one.size()) {
      return fail("--input-ids {}: \"{}\" is not a token id; give whole numbers with commas between, like 1,2,3",
                  text.substr(0, 80), one.substr(0, 40));
    }
    ids.push_back(id);
    if (left.find(',') == std::string_view::npos) return ids;
    left.remove_prefix(left.find(',') + 1);
  }
}

std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  if (command == &app && !arguments.empty() && !arguments.front().starts_with('-')) {
    std::vector<std::string> commands;
    std::string list;
    for (const CLI::App* known_command : app.get_subcommands([](const CLI::App*) { return true; })) {
      commands.push_back(known_command->get_name());
      list += (list.empty() ? "" : ", ") + known_command->get_name();
    }
    if (std::ranges::find(commands, arguments.front()) == commands.end()) {
      const std::string suggestion = nearest(arguments.front(), commands);
      return fmt::format("unknown command {}{}", arguments.front(),
                         suggestion.empty() ? " (known: " + list + ")" : "; did you mean " + suggestion + "?");
    }
  }
  const auto known = flag_names(*command);
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (!name.starts_with("--") || std::ranges::find(known, name) != known.end()) continue;
    const std::string suggestion = nearest(name, known);
    return fmt::format("unknown flag {}{}", name,
                       suggestion.empty()
                           ? std::string("; see ") + (command == &app ? "" : "braid ") + command->get_name() + " --help"
                           : "; did you mean " + suggestion + "?");
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
      !command->get_subcommands([](const CLI::App*) { return true; }).empty() &&
      command->get_require_subcommand_min() > 0) {
    std::string list;
    for (const CLI::App* part : command->get_subcommands([](const CLI::App*) { return true; })) {
      list += (list.empty() ? "" : ", ") + part->get_name();
    }
    return fmt::format("which command? one of: {}; see {} --help", list,
                       command == &app ? "braid" : "braid " + command->get_name());
  }
  std::string message = error.what();
  // "Could not convert: --top-p = x", in CLI11's words; all flags that are converted are numbers.
  constexpr std::string_view kConversion = "Could not convert: ";
  if (message.starts_with(kConversion) && message.find(" = ") != std::string::npos) {
    const size_t separator = message.find(" = ");
    return fmt::format("{} {}: is not a number in the flag's range",
                       message.substr(kConversion.size(), separator - kConversion.size()),
                       message.substr(separator + 3));
  }
  std::replace(message.begin(), message.end(), '\n', ' ');
  if (const size_t missing = message.find(": 1 required "); missing != std::string::npos) {
    return message.substr(0, missing) + " needs a value";
  }
  return message;
}

}  // namespace braid
