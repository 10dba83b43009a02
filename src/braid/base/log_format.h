// What the log's lines look like.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/base/log.h"

namespace braid {

// A message is one line, whatever is in it: control characters are written as escapes.
enum class LogFormat {
  kText,  // 2026-01-31 12:00:00.000 info message
  kJson,  // {"time":…,"level":…,"message":…}
};

// As make_stderr_logger of log.h, which writes text.
std::shared_ptr<Logger> make_stderr_logger(const std::string& level, LogFormat format);

// A message as it stands in a line of the log.
std::string escape_log_message(std::string_view message, LogFormat format);

}  // namespace braid
