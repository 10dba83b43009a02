// How --help reads: a value's kind, what the flag is for, its default.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace braid {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_help(const CLI::App* command, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace braid
