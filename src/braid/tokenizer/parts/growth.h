// Bounds on how much longer a tokenizer's parts can make a text; each growth() is built from these. Tested by
// ../json/tokenizer_json_test.cc.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace braid {

// `from` must not be empty.
inline double growth_of_replacing(std::string_view from, std::string_view to) {
  return std::max(1.0, static_cast<double>(to.size()) / static_cast<double>(from.size()));
}

// A match may be empty; there is at most one at each byte and one at the end.
inline double growth_of_replacing_matches(std::string_view to) {
  return 1 + 2 * static_cast<double>(to.size());
}

// The growth of parts in a sequence.
template <typename Part>
double growth_of_all(const std::vector<std::unique_ptr<Part>>& parts) {
  double growth = 1;
  for (const auto& part : parts) growth *= part->growth();
  return growth;
}

}  // namespace braid
