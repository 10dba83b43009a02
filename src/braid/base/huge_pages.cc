#include "braid/base/huge_pages.h"

#include <fmt/format.h>

#include <fstream>

#include "braid/base/proc_file.h"

namespace braid {
namespace {

// A few times what the processor's translation tables reach with pages of 4 KB.
constexpr int64_t kLeastBytes = int64_t{64} << 20;
// A system that sometimes lacks a free huge page is no problem.
constexpr double kEnough = 0.8;
constexpr double kGigabyte = 1e9;
constexpr auto kModeFile = "/sys/kernel/mm/transparent_hugepage/enabled";

// The word in brackets: "always [madvise] never".
std::string chosen_word(const std::string& path) {
  std::ifstream in(path);
  for (std::string word; in >> word;) {
    if (word.size() > 2 && word.front() == '[' && word.back() == ']') return word.substr(1, word.size() - 2);
  }
  return "";
}

std::string reason(const HugePageState& state) {
  if (state.mode.empty()) return "this system has no transparent huge pages";
  if (state.mode == "never") return fmt::format("{} says never; let it say madvise", kModeFile);
  if (!state.is_allowed) return "they are switched off for this process (prctl, PR_SET_THP_DISABLE)";
  return "memory is too fragmented, or a limit of the container is near";
}

}  // namespace

HugePageState huge_page_state() {
  const auto of_process = [](const char* key) { return read_field("/proc/self/smaps_rollup", key).value_or(0); };
  return {.mode = chosen_word(kModeFile),
          .is_allowed = read_field("/proc/self/status", "THP_enabled:").value_or(1) != 0,
          .resident_bytes = (of_process("AnonHugePages:") + of_process("ShmemPmdMapped:")) * 1024};
}

std::optional<std::string> huge_page_problem(int64_t asked_bytes, const HugePageState& state) {
  const auto asked = static_cast<double>(asked_bytes);
  const auto resident = static_cast<double>(state.resident_bytes);
  if (asked_bytes < kLeastBytes || resident >= kEnough * asked) return std::nullopt;
  return fmt::format("{:.2f} of {:.2f} GB of weights lie on huge pages: {}", resident / kGigabyte, asked / kGigabyte,
                     reason(state));
}

}  // namespace braid
