// Qwen3-Coder: <tool_call><function=name><parameter=key>value</parameter>…</function></tool_call>, with line breaks
// around values. The outer tags may be missing. Tested by tagged_calls_test.cc.
#include <array>
#include <utility>

#include "braid/server/parsers/tagged_parameters.h"
#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

class Qwen3CoderStage final : public TaggedParameterStage {
 public:
  explicit Qwen3CoderStage(Options options) : TaggedParameterStage(std::move(options)) {}

 private:
  static constexpr std::string_view kFunction = "<function=";
  static constexpr std::array<std::string_view, 2> kBegins = {"<tool_call>", kFunction};
  static constexpr std::array<std::string_view, 2> kInside = {"<parameter=", "</function>"};

  Part<> run() override {
    for (bool is_behind_call = false;;) {
      const std::optional<size_t> found = co_await until_marker(
          {.markers = kBegins, .max_newlines = kMaxNewlines, .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      is_behind_call = co_await read_call(*found == 0);
      if (!is_behind_call) {
        release();
        continue;
      }
      co_await hold_whitespace();
      const bool has_end = co_await expect("</tool_call>");
      if (has_end) drop();
    }
  }

  Part<bool> read_call(bool has_outer_tag) {
    if (has_outer_tag) {
      co_await hold_whitespace();
      const bool is_function = co_await expect(kFunction);
      if (!is_function) co_return false;
    }
    const std::string name = co_await hold_name();
    const int next = co_await peek();
    if (next != '>' || !is_name(name)) co_return false;
    hold();
    begin_arguments(name);
    for (;;) {
      co_await hold_whitespace();
      const std::optional<size_t> tag = co_await expect_one_of(kInside);
      std::string key;
      const bool has_key = tag == size_t{0} && co_await hold_until(">", key, kMaxKeyBytes);
      if (!has_key) {
        const bool is_closed = tag == size_t{1};
        if (is_closed) drop();
        const int rest = co_await peek();
        if (is_closed || rest != kEnd) end_arguments();  // else the text was cut off
        co_return true;
      }
      drop();
      add_key(key);
      const bool is_whole = co_await read_value(key, "</parameter>", true);
      if (!is_whole) co_return true;  // the text was cut off: the arguments stay open
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_qwen3_coder_stage(ToolStage::Options options) {
  return std::make_unique<Qwen3CoderStage>(std::move(options));
}

}  // namespace braid::parsers
