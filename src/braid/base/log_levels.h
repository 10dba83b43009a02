// What the log's lines must be worth to be written: a level for all, and others for single parts of the program.
#pragma once

#include <spdlog/common.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

// Parts of the program whose lines have a level of their own.
enum class LogPart : uint8_t {
  kServer,      // connections, requests
  kController,  // the engine's failure, requests that move
  kScheduler,   // the steps of each group
  kWorker,      // ranks: where they run, what they hold
  kDp,          // DP attention: how each step's rows are gathered
  kWeights,     // packed weights on disk
};
inline constexpr int kNumLogParts = 6;

std::string_view log_part_name(LogPart part);  // "server"

struct LogLevels {
  spdlog::level::level_enum general = spdlog::level::info;
  std::array<std::optional<spdlog::level::level_enum>, kNumLogParts> parts = {};

  spdlog::level::level_enum of(LogPart part) const { return parts[static_cast<size_t>(part)].value_or(general); }
  std::string text() const;  // as parse_log_levels() reads it
};

// "info,dp=debug": a level (trace, debug, info, warning, error, off), which may be left out (info), and parts with
// theirs. Errors name the word and what is allowed.
Result<LogLevels> parse_log_levels(std::string_view text);

}  // namespace braid
