#include "braid/base/check.h"

#include <unistd.h>

#include <cstdlib>

#include "braid/base/output_queue.h"

namespace braid {

// The log first, so that the failure stands behind what led to it. Neither may keep the process from its end.
void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  flush_all_output_queues();
  const std::string text =
      fmt::format("braid: {}:{}: CHECK({}) failed{}{}\n", file, line, condition, message.empty() ? "" : ": ", message);
  write_within(kLastWritesTime, STDERR_FILENO, text);
  std::abort();
}

}  // namespace braid
