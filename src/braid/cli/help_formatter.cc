#include "braid/cli/help_formatter.h"

#include <algorithm>

namespace braid {

HelpFormatter::HelpFormatter() {
  column_width(40);
  label("INT", "N");
  label("UINT", "N");
  label("FLOAT", "X");
  label("SUBCOMMAND", "COMMAND");
}

std::string HelpFormatter::make_help(const CLI::App* command, std::string name, CLI::AppFormatMode mode) const {
  std::string text = Formatter::make_help(command, std::move(name), mode);
  for (size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
  return text;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_items_expected_max() == 0) return "";  // a switch
  std::string type = option->get_type_name();            // its validators' names follow, behind colons
  type.resize(std::min(type.find(':'), type.size()));
  return type.empty() ? "" : " " + get_label(type);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (option->get_required()) text += " (required)";
  if (!option->get_default_str().empty() && option->get_default_str() != "[]")
    text += " (default: " + option->get_default_str() + ")";
  return text;
}

}  // namespace braid
