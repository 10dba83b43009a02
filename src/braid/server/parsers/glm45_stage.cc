// GLM-4.5: <tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value>…</tool_call>, with line breaks between.
// Tested by tagged_calls_test.cc.
#include <array>
#include <utility>

#include "braid/server/parsers/tagged_parameters.h"
#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

class Glm45Stage final : public TaggedParameterStage {
 public:
  explicit Glm45Stage(Options options) : TaggedParameterStage(std::move(options)) {}

 private:
  static constexpr std::string_view kBegin = "<tool_call>";
  static constexpr std::array<std::string_view, 2> kInside = {"<arg_key>", "</tool_call>"};

  Part<> run() override {
    for (bool is_behind_call = false;;) {
      const std::optional<size_t> found = co_await until_marker(
          {.markers = {&kBegin, 1}, .max_newlines = kMaxNewlines, .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      is_behind_call = co_await read_call();
      if (!is_behind_call) release();
    }
  }

  Part<bool> read_call() {
    co_await hold_whitespace();
    const std::string name = co_await hold_name();
    if (!is_name(name)) co_return false;
    for (bool has_begun = false;; has_begun = true) {
      co_await hold_whitespace();
      const std::optional<size_t> tag = co_await expect_one_of(kInside);
      const bool is_closed = tag == size_t{1};
      std::string key;
      bool has_value = tag == size_t{0} && co_await hold_until("</arg_key>", key, kMaxKeyBytes);
      if (has_value) co_await hold_whitespace();
      has_value = has_value && co_await expect("<arg_value>");
      if (!has_begun && (is_closed || has_value)) begin_arguments(name);
      if (!has_value) {
        if (is_closed) drop();
        const int rest = co_await peek();
        if (is_closed || (has_begun && rest != kEnd)) end_arguments();  // else the text was cut off
        co_return has_begun || is_closed;
      }
      drop();
      add_key(key);
      const bool is_whole = co_await read_value(key, "</arg_value>", false);
      if (!is_whole) co_return true;  // the text was cut off: the arguments stay open
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_glm45_stage(ToolStage::Options options) {
  return std::make_unique<Glm45Stage>(std::move(options));
}

}  // namespace braid::parsers
