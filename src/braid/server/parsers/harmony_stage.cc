// Harmony, gpt-oss' format: messages, each with a header that names its channel and perhaps whom it calls.
//   <|channel|>analysis<|message|>thinking<|end|>
//   <|start|>assistant<|channel|>commentary to=functions.name <|constrain|>json<|message|>{…}<|call|>
//   <|start|>assistant<|channel|>final<|message|>content<|return|>
// The prompt ends with <|start|>assistant, so the first header may begin with " to=".
// Tested by tagged_calls_test.cc.
#include <array>
#include <utility>

#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

constexpr size_t kMaxHeaderBytes = 1024;

// The word after `key` in a header, up to a space or the next marker.
std::string_view word_behind(std::string_view header, std::string_view key) {
  const size_t found = header.find(key);
  if (found == std::string_view::npos) return {};
  header.remove_prefix(found + key.size());
  return header.substr(0, header.find_first_of(" \t\r\n<"));
}

class HarmonyStage final : public ToolStage {
 public:
  explicit HarmonyStage(HarmonyOptions options)
      : ToolStage(std::move(options.tools)), has_tools_(options.has_tools), gives_reasoning_(options.gives_reasoning) {}

 private:
  static constexpr std::string_view kMessage = "<|message|>";
  static constexpr std::array<std::string_view, 2> kHeaders = {"<|start|>", "<|channel|>"};
  static constexpr std::array<std::string_view, 5> kEnds = {"<|end|>", "<|call|>", "<|return|>", kHeaders[0],
                                                            kHeaders[1]};
  static constexpr size_t kNumEnds = 3;  // the others begin the next message

  Part<> run() override {
    bool has_header = co_await expect(" to=");
    for (;;) {
      if (!has_header) has_header = (co_await until_marker({.markers = kHeaders})).has_value();
      if (!has_header) co_return;
      has_header = false;
      std::string rest;
      const bool is_header = co_await hold_until(kMessage, rest, kMaxHeaderBytes);
      if (is_header) {
        co_await read_body(std::string(held()));
      } else {
        release();
      }
    }
  }

  // `header` is held.
  Part<> read_body(std::string header) {
    std::string_view recipient = word_behind(header, " to=");
    const std::string_view channel = word_behind(header, kHeaders[1]);
    constexpr std::string_view kFunctions = "functions.";
    if (recipient.starts_with(kFunctions)) recipient.remove_prefix(kFunctions.size());
    const bool is_call = has_tools_ && is_name(recipient);
    const bool is_reasoning = recipient.empty() && channel == "analysis";
    const bool is_verbatim = is_reasoning ? !gives_reasoning_ : !is_call && !recipient.empty();
    TextSink content(*this, Event::Kind::kContent);
    ArgumentSink arguments(*this);
    TextSink reasoning(*this, Event::Kind::kReasoning);
    Sink* sink = &content;
    if (is_verbatim) {
      release();
    } else if (is_call) {
      sink = &arguments;
      begin_call(std::string(recipient));
    } else if (is_reasoning) {
      sink = &reasoning;
    }
    drop();
    const std::optional<size_t> end = co_await until_marker({.markers = kEnds}, *sink);
    if (!end) co_return;
    if (is_call) end_call();
    if (*end >= kNumEnds) co_return;  // the marker that is held begins the next message
    if (is_verbatim) release();
    drop();
  }

  const bool has_tools_;
  const bool gives_reasoning_;
};

}  // namespace

std::unique_ptr<Stage> make_harmony_stage(HarmonyOptions options) {
  return std::make_unique<HarmonyStage>(std::move(options));
}

}  // namespace braid::parsers
