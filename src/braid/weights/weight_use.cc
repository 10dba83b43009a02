#include "braid/weights/weight_use.h"

#include <fmt/format.h>

namespace braid {

std::string WeightUses::text() const {
  std::string text;
  for (const auto& [use, bytes] : bytes_) {
    text += fmt::format("{}{} {:.1f} MB in {} bits", text.empty() ? "" : ", ", use.first,
                        static_cast<double>(bytes) / 1e6, use.second);
  }
  return text;
}

}  // namespace braid
