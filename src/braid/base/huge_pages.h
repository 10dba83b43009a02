// Whether large buffers really lie on the huge pages (2 MB) that they ask for. Without them a decode step waits for
// address translations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace braid {

struct HugePageState {
  std::string mode;  // in /sys/kernel/mm/transparent_hugepage/enabled: "always", "madvise", "never"; "": no such file
  bool is_allowed = true;      // for this process (prctl)
  int64_t resident_bytes = 0;  // of this process, on huge pages
};

// The current state. Walks the process's page tables: a millisecond for a few gigabytes.
HugePageState huge_page_state();

// A line for the log if much less than `asked_bytes` of buffers that were already written lies on huge pages. Nothing
// if `asked_bytes` is too small to matter.
std::optional<std::string> huge_page_problem(int64_t asked_bytes, const HugePageState& state);

}  // namespace braid
