#include "braid/base/log_parts.h"

#include <array>
#include <string>
#include <utility>

namespace braid {
namespace {

class PartedLogger final : public Logger {
 public:
  PartedLogger(const std::shared_ptr<spdlog::sinks::sink>& sink, std::function<uint64_t()> num_dropped)
      : Logger("braid", sink), num_dropped_(std::move(num_dropped)) {
    for (int i = 0; i < kNumLogParts; ++i) {
      const std::string name(log_part_name(static_cast<LogPart>(i)));
      parts_[static_cast<size_t>(i)] = std::make_shared<Logger>(name, sink);
    }
  }

  const std::shared_ptr<Logger>& part(LogPart part) const { return parts_[static_cast<size_t>(part)]; }
  uint64_t num_dropped() const { return num_dropped_(); }

 private:
  std::array<std::shared_ptr<Logger>, kNumLogParts> parts_;
  const std::function<uint64_t()> num_dropped_;
};

}  // namespace

std::shared_ptr<Logger> make_parted_logger(const std::shared_ptr<spdlog::sinks::sink>& sink, const LogLevels& levels,
                                           std::function<uint64_t()> num_dropped) {
  const auto logger = std::make_shared<PartedLogger>(sink, std::move(num_dropped));
  // spdlog's own handler writes to stderr, which may block. A line that cannot be made is lost.
  const auto ignore = [](const std::string&) {};
  logger->set_error_handler(ignore);
  for (int i = 0; i < kNumLogParts; ++i) logger->part(static_cast<LogPart>(i))->set_error_handler(ignore);
  set_log_levels(*logger, levels);
  return logger;
}

std::shared_ptr<Logger> log_of(LogPart part, const std::shared_ptr<Logger>& logger) {
  const auto* parted = dynamic_cast<const PartedLogger*>(logger.get());
  return parted == nullptr ? logger : parted->part(part);
}

void set_log_levels(Logger& logger, const LogLevels& levels) {
  logger.set_level(levels.general);
  const auto* parted = dynamic_cast<const PartedLogger*>(&logger);
  if (parted == nullptr) return;
  for (int i = 0; i < kNumLogParts; ++i) {
    const auto part = static_cast<LogPart>(i);
    parted->part(part)->set_level(levels.of(part));
  }
}

LogLevels log_levels(const Logger& logger) {
  LogLevels levels{.general = logger.level()};
  const auto* parted = dynamic_cast<const PartedLogger*>(&logger);
  if (parted == nullptr) return levels;
  for (int i = 0; i < kNumLogParts; ++i)
    levels.parts[static_cast<size_t>(i)] = parted->part(static_cast<LogPart>(i))->level();
  return levels;
}

uint64_t num_dropped_log_lines(const Logger& logger) {
  const auto* parted = dynamic_cast<const PartedLogger*>(&logger);
  return parted == nullptr ? 0 : parted->num_dropped();
}

}  // namespace braid
