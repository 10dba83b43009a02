// Llama 3: a whole message that is one object {"name": …, "parameters": {…}}, or objects of this kind after
// <|python_tag|>; several have ";" between them. Tested by json_calls_test.cc.
#include <utility>

#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

class Llama3JsonStage final : public ToolStage {
 public:
  explicit Llama3JsonStage(Options options) : ToolStage(std::move(options)) {}

 private:
  static constexpr std::string_view kTag = "<|python_tag|>";

  Part<> run() override {
    co_await hold_whitespace();
    bool is_behind_call = co_await read_calls(Trust::kBare);
    for (;;) {
      const std::optional<size_t> found = co_await until_marker(
          {.markers = {&kTag, 1}, .max_newlines = kMaxNewlines, .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      co_await hold_whitespace();
      is_behind_call = co_await read_calls(Trust::kMarked);
      if (!is_behind_call) release();
    }
  }

  // True: there was at least one. The text after the last one is held.
  Part<bool> read_calls(Trust trust) {
    for (bool has_call = false;; has_call = true) {
      int next = co_await peek();
      if (has_call && (next == ';' || next == ',')) {
        hold();
        co_await hold_whitespace();
        next = co_await peek();
      }
      if (next != '{') co_return has_call;
      const bool is_call = co_await read_call_object(trust);
      if (!is_call) co_return has_call;
      co_await hold_whitespace();
    }
  }
};

}  // namespace

std::unique_ptr<Stage> make_llama3_json_stage(ToolStage::Options options) {
  return std::make_unique<Llama3JsonStage>(std::move(options));
}

}  // namespace braid::parsers
