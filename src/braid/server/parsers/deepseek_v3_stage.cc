// DeepSeek: calls between markers, as V3 and R1 write them
//   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>name\n```json\n{…}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
// and as V3.1 does: <｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜>.
// Tested by tagged_calls_test.cc.
#include <array>
#include <utility>

#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

class DeepSeekV3Stage final : public ToolStage {
 public:
  explicit DeepSeekV3Stage(Options options) : ToolStage(std::move(options)) {}

 private:
  static constexpr std::string_view kCallsBegin = "<｜tool▁calls▁begin｜>";
  static constexpr std::string_view kCallBegin = "<｜tool▁call▁begin｜>";
  static constexpr std::string_view kSeparator = "<｜tool▁sep｜>";
  static constexpr std::string_view kCallEnd = "<｜tool▁call▁end｜>";
  static constexpr std::string_view kCallsEnd = "<｜tool▁calls▁end｜>";
  static constexpr std::array kBegins = {kCallsBegin, kCallBegin};
  static constexpr std::array kEnds = {kCallEnd, kCallsEnd};
  static constexpr std::array kAll = {kCallsBegin, kCallBegin, kCallEnd, kCallsEnd};

  Part<> run() override {
    bool is_behind_call = false;
    bool awaits_end = false;  // there was a call, but not yet the end of all calls
    for (;;) {
      const std::optional<size_t> found =
          co_await until_marker({.markers = awaits_end ? Markers(kAll) : Markers(kBegins),
                                 .max_newlines = kMaxNewlines,
                                 .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      if (*found >= kBegins.size()) {
        awaits_end = kAll[*found] != kCallsEnd;
        drop();
        continue;
      }
      is_behind_call = co_await read_call(*found == 0);
      if (is_behind_call) {
        awaits_end = true;
        co_await hold_fence();
        const std::optional<size_t> end = co_await expect_one_of(kEnds);
        const int next = co_await peek();
        if (end || next == kEnd) drop();  // the closing fence
        if (end) awaits_end = *end == 0;
      } else {
        release();
      }
    }
  }

  Part<bool> read_call(bool begins_all) {
    if (begins_all) {
      co_await hold_whitespace();
      const bool has_call = co_await expect(kCallBegin);
      if (!has_call) co_return false;
    }
    co_await hold_whitespace();
    std::string name = co_await hold_name();
    co_await hold_whitespace();
    const bool has_separator = co_await expect(kSeparator);
    if (!has_separator) co_return false;
    co_await hold_whitespace();
    int next = co_await peek();
    if (next != '{') {
      name = co_await hold_name();
      co_await hold_fence();
      next = co_await peek();
    }
    if (next != '{' || !is_name(name)) co_return false;
    begin_call(name);
    co_await read_arguments_object();
    co_return true;
  }

  // ```json, ``` or nothing, with whitespace around it.
  Part<> hold_fence() {
    co_await hold_whitespace();
    const bool has_fence = co_await expect("```");
    if (has_fence) co_await expect("json");
    co_await hold_whitespace();
  }
};

}  // namespace

std::unique_ptr<Stage> make_deepseek_v3_stage(ToolStage::Options options) {
  return std::make_unique<DeepSeekV3Stage>(std::move(options));
}

}  // namespace braid::parsers
