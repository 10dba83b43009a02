// The logger that is passed down from cli/. There is no global one.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace braid {

using Logger = spdlog::logger;

// Lines to stderr, by a thread of their own. `level`: as parse_log_levels() reads it; info if it cannot.
std::shared_ptr<Logger> make_stderr_logger(const std::string& level);

// Drops every line: for tests and for callers of the public API that want none.
std::shared_ptr<Logger> make_null_logger();

}  // namespace braid
