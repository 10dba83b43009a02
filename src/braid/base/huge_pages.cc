#include "braid/base/huge_pages.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace braid {
namespace {

// What the processor's tables of translations reach with pages of 4 KB, a few times over.
constexpr int64_t kLeastBytes = int64_t{64} << 20;
// A system without a free huge page at times is no problem.
constexpr double kEnough = 0.8;
constexpr double kGigabyte = 1e9;

// The word in brackets: "always [madvise] never".
std::string chosen_word(const std::string& path) {
  std::ifstream in(path);
  for (std::string word; in >> word;) {
    if (word.size() > 2 && word.front() == '[' && word.back() == ']') return word.substr(1, word.size() - 2);
  }
  return "";
}

// The number behind "key:" in a file of such lines.
std::optional<int64_t> number_of(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

std::string reason(const HugePageState& state) {
  constexpr auto kFile = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (state.mode.empty()) return "this system has no transparent huge pages";
  if (state.mode == "never") return fmt::format("{} says never; let it say madvise", kFile);
  if (!state.is_allowed) return "they are switched off for this process (prctl, PR_SET_THP_DISABLE)";
  return "memory is too fragmented, or a limit of the container is near";
}

}  // namespace

HugePageState huge_page_state() {
  return {.mode = chosen_word("/sys/kernel/mm/transparent_hugepage/enabled"),
          .is_allowed = number_of("/proc/self/status", "THP_enabled:").value_or(1) != 0,
          .resident_bytes = number_of("/proc/self/smaps_rollup", "AnonHugePages:").value_or(0) * 1024};
}

std::optional<std::string> huge_page_problem(int64_t asked_bytes, const HugePageState& state) {
  const auto asked = static_cast<double>(asked_bytes);
  const auto resident = static_cast<double>(state.resident_bytes);
  if (asked_bytes < kLeastBytes || resident >= kEnough * asked) return std::nullopt;
  return fmt::format("{:.2f} of {:.2f} GB of weights lie on huge pages: {}", resident / kGigabyte, asked / kGigabyte,
                     reason(state));
}

}  // namespace braid
