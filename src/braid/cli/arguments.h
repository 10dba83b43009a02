// Repeated flags, and the messages for errors of the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace braid {

// A flag that takes one value may be repeated, in a file and on the command line: the last value counts.
void let_last_value_win(CLI::App& command);

// One line that says what is wrong with the arguments. For an unknown flag or command it suggests the nearest known
// one.
std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& error,
                                const std::vector<std::string>& arguments);

// Insertions, deletions and substitutions between two words (Levenshtein).
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace braid
