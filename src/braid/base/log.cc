#include "braid/base/log.h"

#include <fmt/format.h>
#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "braid/base/log_format.h"
#include "braid/base/log_parts.h"
#include "braid/base/output_queue.h"

namespace braid {

namespace {

// The bytes of the well-formed UTF-8 character at the start of `text`; 0: there is none.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  if (byte(0) < 0xc2 || byte(0) > 0xf4) return 0;
  const size_t size = byte(0) >= 0xf0 ? 4 : (byte(0) >= 0xe0 ? 3 : 2);
  if (size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_overlong = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
  const bool is_no_character = (byte(0) == 0xed && byte(1) >= 0xa0) || (byte(0) == 0xf4 && byte(1) >= 0x90);
  return is_overlong || is_no_character ? 0 : size;
}

// The first kMaxLogMessageBytes of a message, without a cut character.
std::string_view shorten(std::string_view message) {
  if (message.size() <= kMaxLogMessageBytes) return message;
  size_t end = kMaxLogMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80) --end;
  return message.substr(0, end);
}

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  return std::make_unique<spdlog::pattern_formatter>(
      format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})"
                                 : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
}

// The line that stands where others were dropped.
OutputQueue::Notice dropped_notice(LogFormat format) {
  return [formatter = std::shared_ptr<spdlog::formatter>(make_formatter(format))](uint64_t num_dropped) {
    const std::string text =
        fmt::format("{} lines of the log were dropped here: they were not taken in time", num_dropped);
    spdlog::memory_buf_t line;
    formatter->format(spdlog::details::log_msg("braid", spdlog::level::warn, text), line);
    return fmt::to_string(line);
  };
}

// Colours of a terminal, by level.
constexpr std::array<std::string_view, spdlog::level::n_levels> kColours = {
    "\033[37m", "\033[36m", "\033[32m", "\033[33m\033[1m", "\033[31m\033[1m", "\033[1m\033[41m", ""};
constexpr std::string_view kNoColour = "\033[m";

// Makes lines on the threads that log, and leaves the writing to a queue's.
class QueueSink final : public spdlog::sinks::sink {
 public:
  QueueSink(std::shared_ptr<OutputQueue> queue, LogFormat format, bool has_colours)
      : queue_(std::move(queue)), format_(format), has_colours_(has_colours), formatter_(make_formatter(format)) {}

  void log(const spdlog::details::log_msg& message) override {
    const std::string text = escape_log_message({message.payload.data(), message.payload.size()}, format_);
    spdlog::details::log_msg escaped = message;
    escaped.payload = text;
    spdlog::memory_buf_t line;
    {
      const std::lock_guard lock(mutex_);  // a formatter keeps the last second's text
      formatter_->format(escaped, line);
    }
    const size_t start = escaped.color_range_start;
    const size_t end = escaped.color_range_end;
    if (has_colours_ && start < end && end <= line.size()) {
      const std::string_view plain(line.data(), line.size());
      queue_->push(fmt::format("{}{}{}{}{}", plain.substr(0, start), kColours.at(message.level),
                               plain.substr(start, end - start), kNoColour, plain.substr(end)));
    } else {
      queue_->push({line.data(), line.size()});
    }
  }
  void flush() override { queue_->flush(); }

  // braid's lines have one form each.
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  const std::shared_ptr<OutputQueue> queue_;
  const LogFormat format_;
  const bool has_colours_;
  std::mutex mutex_;
  const std::unique_ptr<spdlog::formatter> formatter_;
};

}  // namespace

std::string escape_log_message(std::string_view message, LogFormat format) {
  const bool is_json = format == LogFormat::kJson;
  const size_t num_bytes = message.size();
  message = shorten(message);
  const size_t num_cut = num_bytes - message.size();
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    const auto byte = static_cast<unsigned char>(message[0]);
    const size_t size = character_size(message);
    // Terminals take U+0080 to U+009F for controls too.
    const bool is_c1 = size == 2 && byte == 0xc2 && static_cast<unsigned char>(message[1]) < 0xa0;
    if (size == 0) {
      out += is_json ? std::string("\\ufffd") : fmt::format("\\x{:02x}", byte);
    } else if (byte < 0x20 || byte == 0x7f || is_c1) {
      const int code = is_c1 ? static_cast<unsigned char>(message[1]) : byte;
      if (byte == '\n' || byte == '\t') {
        out += byte == '\n' ? "\\n" : "\\t";
      } else {
        out += is_json ? fmt::format("\\u{:04x}", code) : fmt::format("\\x{:02x}", code);
      }
    } else if (is_json && (byte == '"' || byte == '\\')) {
      out += {'\\', static_cast<char>(byte)};
    } else {
      out += message.substr(0, size);
    }
    message.remove_prefix(size == 0 ? 1 : size);
  }
  if (num_cut > 0) out += fmt::format(" … ({} bytes more)", num_cut);
  return out;
}

std::shared_ptr<Logger> make_logger(int file, const LogLevels& levels, LogFormat format) {
  const auto queue = std::make_shared<OutputQueue>(file, dropped_notice(format));
  const bool has_colours =
      format == LogFormat::kText && ::isatty(file) == 1 && spdlog::details::os::is_color_terminal();
  return make_parted_logger(std::make_shared<QueueSink>(queue, format, has_colours), levels,
                            [queue] { return queue->num_dropped(); });
}

std::shared_ptr<Logger> make_stderr_logger(const std::string& level) {
  const auto levels = parse_log_levels(level);
  return make_logger(STDERR_FILENO, levels.ok() ? *levels : LogLevels(), LogFormat::kText);
}

std::shared_ptr<Logger> make_null_logger() {
  return std::make_shared<Logger>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

}  // namespace braid
