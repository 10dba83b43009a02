#include "braid/base/log_levels.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace braid {
namespace {

using spdlog::level::level_enum;

struct LevelName {
  std::string_view name;
  level_enum level;
};

constexpr std::array<LevelName, 6> kLevelNames = {{{"trace", level_enum::trace},
                                                   {"debug", level_enum::debug},
                                                   {"info", level_enum::info},
                                                   {"warning", level_enum::warn},
                                                   {"error", level_enum::err},
                                                   {"off", level_enum::off}}};

std::string level_name(level_enum level) {
  const auto found = std::ranges::find(kLevelNames, level, &LevelName::level);
  return std::string(found == kLevelNames.end() ? "critical" : found->name);
}

Result<level_enum> parse_level(std::string_view text) {
  const auto found = std::ranges::find(kLevelNames, text, &LevelName::name);
  if (found != kLevelNames.end()) return found->level;
  std::vector<std::string_view> names;
  for (const LevelName& name : kLevelNames) names.push_back(name.name);
  return fail("\"{}\" is no level: must be one of {}", text, fmt::join(names, ", "));
}

Result<LogPart> parse_part(std::string_view text) {
  std::vector<std::string_view> names;
  for (int i = 0; i < kNumLogParts; ++i) {
    const auto part = static_cast<LogPart>(i);
    if (text == log_part_name(part)) return part;
    names.push_back(log_part_name(part));
  }
  return fail("\"{}\" is no part of the log: must be one of {}", text, fmt::join(names, ", "));
}

}  // namespace

std::string_view log_part_name(LogPart part) {
  switch (part) {
    case LogPart::kServer:
      return "server";
    case LogPart::kController:
      return "controller";
    case LogPart::kScheduler:
      return "scheduler";
    case LogPart::kWorker:
      return "worker";
    case LogPart::kDp:
      return "dp";
    case LogPart::kWeights:
      break;
  }
  return "weights";
}

std::string LogLevels::text() const {
  std::string text = level_name(general);
  for (int i = 0; i < kNumLogParts; ++i) {
    const auto part = static_cast<LogPart>(i);
    if (of(part) != general) text += fmt::format(",{}={}", log_part_name(part), level_name(of(part)));
  }
  return text;
}

Result<LogLevels> parse_log_levels(std::string_view text) {
  LogLevels levels;
  for (bool is_first = true;; is_first = false) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    const size_t equals = word.find('=');
    if (equals != std::string_view::npos) {
      TRY(const LogPart part, parse_part(word.substr(0, equals)));
      TRY(levels.parts[static_cast<size_t>(part)], parse_level(word.substr(equals + 1)));
    } else if (is_first) {
      TRY(levels.general, parse_level(word));
    } else {
      return fail("\"{}\" is no PART=LEVEL: one level for all comes first, like info,dp=debug", word);
    }
    if (comma == text.size()) return levels;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace braid
