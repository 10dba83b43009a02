// Checks and conversions of flags' values.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/cli/command_line.h"
#include "braid/kernels/quantized_layout.h"
#include "braid/request/ids.h"

namespace braid {

// Checks of a flag's value. A refused value is reported as "--flag VALUE: must be …".
FlagCheck whole_number(uint64_t smallest, uint64_t largest, uint64_t step = 1);  // a multiple of `step`
FlagCheck number_from(double smallest, double largest);
FlagCheck number_above(double bound, double largest);
FlagCheck number_between(double lower, double upper);  // neither of them
FlagCheck not_empty(std::string must_be);              // such as a shell variable that is not set
FlagCheck one_of(std::vector<std::string> words);
FlagCheck log_levels_text();  // as parse_log_levels() reads it
// Turns "2GB", "1.5GiB" or a plain number into bytes.
FlagConversion byte_size(int64_t smallest = 0, int64_t largest = std::numeric_limits<int64_t>::max());

// The contents of a file that a flag names; an error names both.
Result<std::string> read_flag_file(std::string_view flag, const std::string& path);

// The value of --activation-bits; absent: auto.
Result<std::optional<ActivationBits>> parse_activation_bits(std::string_view text);

// Parses a flag's "1,2,3"; an error names the flag and says what is wrong. Does not know which ids the model has.
Result<std::vector<TokenId>> parse_token_ids(std::string_view flag, std::string_view text);

}  // namespace braid
