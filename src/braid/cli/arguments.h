// The command line around CLI11: flags from a file, and errors that suggest the nearest flag.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// `--config FILE` is known to every command, so that --help names it; expand_config_file has taken it by then.
void add_config_flag(CLI::App& command);

// Puts the flags of `--config FILE` (lines `name = value` or `name: value`, `name` alone or `name = true` for a switch;
// '#' begins a comment) right behind the command's name, so that the command line's own come later and win.
Result<std::vector<std::string>> expand_config_file(std::vector<std::string> arguments);

// The flags that one text of such a file gives: "--name=value" or "--name" each.
Result<std::vector<std::string>> config_arguments(std::string_view text, std::string_view file_name);

// A flag that holds one value may come again, from a file and then on the command line: the last one counts.
void let_last_value_win(CLI::App& command);

// One line that says what is wrong with the arguments: for an unknown flag or command, with the nearest known one.
std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& arguments);

// Insertions, deletions and substitutions between two words (Levenshtein).
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace braid
