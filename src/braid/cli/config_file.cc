#include "braid/cli/config_file.h"

#include <algorithm>
#include <utility>

#include "braid/cli/flag_values.h"
#include "braid/cli/lines.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

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

}  // namespace

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
      return fail("{}:{}: {} is not `name = value`", file_name, number, json_excerpt(Json(line)));
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
  auto first_flag = arguments.begin();  // after the command and, for bench, its own command
  while (first_flag != arguments.end() && is_word(*first_flag)) ++first_flag;
  arguments.insert(first_flag, from_files.begin(), from_files.end());
  return arguments;
}

}  // namespace braid
