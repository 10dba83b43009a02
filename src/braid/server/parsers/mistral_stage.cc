// Mistral: [TOOL_CALLS] and a list of calls as JSON objects, or, in newer models, one call's name and arguments:
// [TOOL_CALLS]name{…}, [TOOL_CALLS]name[ARGS]{…}, [TOOL_CALLS]name[CALL_ID]id[ARGS]{…}. Tested by json_calls_test.cc.
#include <utility>

#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

class MistralStage final : public ToolStage {
 public:
  explicit MistralStage(Options options) : ToolStage(std::move(options)) {}

 private:
  static constexpr std::string_view kTag = "[TOOL_CALLS]";

  Part<> run() override {
    for (bool is_behind_call = false;;) {
      const std::optional<size_t> found = co_await until_marker(
          {.markers = {&kTag, 1}, .max_newlines = kMaxNewlines, .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      co_await hold_whitespace();
      const int next = co_await peek();
      if (next == '[') {
        is_behind_call = co_await read_call_array();
      } else if (next == '{') {
        is_behind_call = co_await read_call_object(Trust::kMarked);
      } else {
        is_behind_call = co_await read_named_call();
      }
      if (!is_behind_call) release();
    }
  }

  Part<bool> read_named_call() {
    const std::string name = co_await hold_name();
    if (!is_name(name)) co_return false;
    co_await hold_whitespace();
    const bool has_id = co_await expect("[CALL_ID]");
    if (has_id) co_await hold_name();
    const bool has_separator = co_await expect("[ARGS]");
    if (has_id && !has_separator) co_return false;
    co_await hold_whitespace();
    const int next = co_await peek();
    if (next != '{') co_return false;
    begin_call(name);
    co_await read_arguments_object();
    co_return true;
  }
};

}  // namespace

std::unique_ptr<Stage> make_mistral_stage(ToolStage::Options options) {
  return std::make_unique<MistralStage>(std::move(options));
}

}  // namespace braid::parsers
