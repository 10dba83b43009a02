// Whether the system gives what lies in large buffers huge pages (2 MB), as those ask for: without them a decode step
// waits for translations of addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace braid {

struct HugePageState {
  std::string mode;            // of /sys/kernel/mm/transparent_hugepage/enabled: "always", "madvise", "never"; "": none
  bool is_allowed = true;      // for this process (prctl)
  int64_t resident_bytes = 0;  // of this process, on huge pages
};

// As it is now. Walks the process's page tables: a millisecond for some gigabytes.
HugePageState huge_page_state();

// One line for the log where buffers that have been written should have `asked_bytes` on huge pages and have a good
// deal less. None where that is too little to matter.
std::optional<std::string> huge_page_problem(int64_t asked_bytes, const HugePageState& state);

}  // namespace braid
