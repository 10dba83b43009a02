#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <utility>

#include "braid/base/log_format.h"

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

class EscapedMessage : public spdlog::custom_flag_formatter {
 public:
  explicit EscapedMessage(LogFormat format) : format_(format) {}
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const std::string escaped = escape_log_message({message.payload.data(), message.payload.size()}, format_);
    line.append(escaped.data(), escaped.data() + escaped.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<EscapedMessage>(format_); }

 private:
  LogFormat format_;
};

}  // namespace

std::string escape_log_message(std::string_view message, LogFormat format) {
  const bool is_json = format == LogFormat::kJson;
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
  return out;
}

std::shared_ptr<Logger> make_stderr_logger(const std::string& level, LogFormat format) {
  auto logger = std::make_shared<Logger>("braid", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<EscapedMessage>('*', format);
  formatter->set_pattern(format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})"
                                                    : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %*");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  return logger;
}

std::shared_ptr<Logger> make_stderr_logger(const std::string& level) {
  return make_stderr_logger(level, LogFormat::kText);
}

std::shared_ptr<Logger> make_null_logger() {
  return std::make_shared<Logger>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

}  // namespace braid
