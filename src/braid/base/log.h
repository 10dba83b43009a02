// The logger that is passed down from cli/. There is no global one.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace braid {

using Logger = spdlog::logger;

// Lines to stderr. `level`: trace, debug, info, warning, error, off.
std::shared_ptr<Logger> make_stderr_logger(const std::string& level);

// Drops every line: for tests and for callers of the public API that want none.
std::shared_ptr<Logger> make_null_logger();

}  // namespace braid
