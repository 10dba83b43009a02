// The parts of a log: loggers that write to one place, each with a level of its own, which may change at any time.
// Tested by log_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "braid/base/log.h"
#include "braid/base/log_levels.h"

namespace braid {

// A logger with parts. `num_dropped`: how many lines its sink has dropped so far; from any thread.
std::shared_ptr<Logger> make_parted_logger(const std::shared_ptr<spdlog::sinks::sink>& sink, const LogLevels& levels,
                                           std::function<uint64_t()> num_dropped);

// The logger of a part of the program, which lives as long as `logger`. A logger without parts (callers of the library
// may pass any) is its own for every part.
std::shared_ptr<Logger> log_of(LogPart part, const std::shared_ptr<Logger>& logger);

// From any thread. A logger without parts has only the general level.
void set_log_levels(Logger& logger, const LogLevels& levels);
LogLevels log_levels(const Logger& logger);

// Lines that were dropped because nobody took them; 0 for a logger without parts.
uint64_t num_dropped_log_lines(const Logger& logger);

}  // namespace braid
