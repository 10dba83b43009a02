#include "braid/bench/profile/rank_arguments.h"

#include <algorithm>

namespace braid {

std::vector<std::string> without_flags(std::span<const std::string> arguments,
                                       std::span<const std::string_view> flags) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = std::string_view(arguments[i]).substr(0, arguments[i].find('='));
    if (std::ranges::find(flags, name) == flags.end()) {
      kept.push_back(arguments[i]);
    } else if (name.size() == arguments[i].size()) {
      ++i;  // its value
    }
  }
  return kept;
}

}  // namespace braid
