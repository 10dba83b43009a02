// Lines of text, as commands read and answer them.
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

// The next line, without its end; of one longer than `max_bytes`, its first max_bytes + 1 bytes. Returns how many bytes
// it took from `in`; 0: there are no more.
int64_t read_line(std::istream& in, std::string& line, size_t max_bytes);

// A line of `out` for each line of `in` that is not blank. The first error ends it.
Status answer_lines(std::istream& in, std::ostream& out,
                    FunctionRef<Result<std::string>(int64_t number, const std::string& line)> answer);

}  // namespace braid
