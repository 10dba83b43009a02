#include "braid/cli/lines.h"

#include <algorithm>
#include <array>

#include "braid/formats/json.h"

namespace braid {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

int64_t read_line(std::istream& in, std::string& line, size_t max_bytes) {
  line.clear();
  int64_t taken = 0;
  std::array<char, 4096> part;
  while (true) {
    in.getline(part.data(), part.size());
    auto count = static_cast<size_t>(in.gcount());
    taken += in.gcount();
    const bool is_part = in.fail() && !in.eof() && count > 0;  // the line continues
    if (in.good()) --count;                                    // the newline was taken, too
    line.append(part.data(), std::min(count, max_bytes + 1 - line.size()));
    if (!is_part) return taken;
    in.clear();
  }
}

Status answer_lines(std::istream& in, std::ostream& out,
                    FunctionRef<Result<std::string>(int64_t, const std::string&)> answer) {
  int64_t number = 1;
  for (std::string line; read_line(in, line, JsonLimits().max_bytes) > 0; ++number) {
    if (is_blank(line)) continue;
    TRY(const std::string text, answer(number, line));
    out << text << std::endl;  // a program at the other end of a pipe may wait for each answer
    // The reader has gone, or the disk is full: the rest of the input need not be read.
    if (!out) return fail("standard output: cannot be written");
  }
  return {};
}

}  // namespace braid
