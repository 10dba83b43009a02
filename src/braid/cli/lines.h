// Lines of text: read, and answered one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"

namespace braid {

// Without the white space around it.
std::string_view trim(std::string_view text);
inline bool is_blank(std::string_view text) {
  return trim(text).empty();
}

// Reads the next line, without its newline; of a line longer than `max_bytes`, the first max_bytes + 1 bytes. Returns
// how many bytes it took from `in`; 0: the input has ended.
int64_t read_line(std::istream& in, std::string& line, size_t max_bytes);

// Writes a line to `out` for each line of `in` that is not blank. Ends at the first error.
Status answer_lines(std::istream& in, std::ostream& out,
                    FunctionRef<Result<std::string>(int64_t number, const std::string& line)> answer);

}  // namespace braid
