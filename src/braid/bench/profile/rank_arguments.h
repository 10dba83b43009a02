// The arguments of `braid rank` from those of `braid bench profile`. Tested by rank_arguments_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

// `arguments` without these flags, each of which takes one value: "--seed 3" or "--seed=3".
std::vector<std::string> without_flags(std::span<const std::string> arguments, std::span<const std::string_view> flags);

}  // namespace braid
