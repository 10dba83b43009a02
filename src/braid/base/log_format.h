// What the log's lines look like, and where they go.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/base/log.h"
#include "braid/base/log_levels.h"

namespace braid {

// A message is one line, whatever is in it: control characters are written as escapes, and what is longer than
// kMaxLogMessageBytes is cut.
enum class LogFormat {
  kText,  // 2026-01-31 12:00:00.000 info message
  kJson,  // {"time":…,"level":…,"message":…}
};

inline constexpr size_t kMaxLogMessageBytes = size_t{64} << 10;

// A logger with parts (log_parts.h) that writes to a file descriptor, as log.h says of stderr. Text is coloured on a
// terminal.
std::shared_ptr<Logger> make_logger(int file, const LogLevels& levels, LogFormat format);

// A message as it stands in a line of the log.
std::string escape_log_message(std::string_view message, LogFormat format);

}  // namespace braid
