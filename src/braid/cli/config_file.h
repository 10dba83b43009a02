// `--config FILE`: flags from a file. Its lines are `name = value` or `name: value`; a switch is `name` alone or
// `name = true`; '#' begins a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Replaces `--config FILE` by the file's flags, right behind the command's name: flags of the command line come later,
// and the last value wins.
Result<std::vector<std::string>> expand_config_file(std::vector<std::string> arguments);

// The flags in a file's text, as "--name=value" or "--name".
Result<std::vector<std::string>> config_arguments(std::string_view text, std::string_view file_name);

}  // namespace braid
