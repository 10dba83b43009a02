// Calls as JSON between tags (hermes, granite), and forced calls: the same JSON without tags. Tested by
// json_calls_test.cc.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "braid/server/parsers/json_text.h"
#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

namespace {

struct Tags {
  std::vector<std::string_view> open;
  std::vector<std::string_view> close;  // may be missing
};

class TaggedJsonStage final : public ToolStage {
 public:
  TaggedJsonStage(Tags tags, Options options)
      : ToolStage(std::move(options)), tags_(std::move(tags)), all_(tags_.open) {
    all_.insert(all_.end(), tags_.close.begin(), tags_.close.end());
  }

 private:
  Part<> run() override {
    bool is_behind_call = false;
    bool awaits_end = false;  // a call's closing tag is missing: something else comes before it
    for (;;) {
      const std::optional<size_t> found = co_await until_marker({.markers = awaits_end ? all_ : tags_.open,
                                                                 .max_newlines = kMaxNewlines,
                                                                 .drops_final_newlines = is_behind_call});
      if (!found) co_return;
      if (*found >= tags_.open.size()) {
        drop();
        awaits_end = false;
        continue;
      }
      is_behind_call = co_await read_calls();
      if (!is_behind_call) {
        release();
        continue;
      }
      co_await hold_whitespace();
      const std::optional<size_t> end = co_await expect_one_of(tags_.close);
      if (end) drop();
      awaits_end = !end;
    }
  }

  Part<bool> read_calls() {
    co_await hold_whitespace();
    const int next = co_await peek();
    bool has_call = false;
    if (next == '{') has_call = co_await read_call_object(Trust::kMarked);
    if (next == '[') has_call = co_await read_call_array();
    co_return has_call;
  }

  const Tags tags_;
  std::vector<std::string_view> all_;
};

class ForcedStage final : public ToolStage {
 public:
  explicit ForcedStage(Options options) : ToolStage(std::move(options)) {}

 private:
  Part<> run() override {
    co_await hold_whitespace();
    const int next = co_await peek();
    bool has_call = false;
    if (next == '{') has_call = co_await read_call_object(Trust::kForced);
    if (next == '[') has_call = co_await read_call_array(Trust::kForced);
    co_await hold_whitespace();
    const int rest = co_await peek();
    if (rest == kEnd && (has_call || was_cut(held()))) drop();
  }

  // The beginning of a call, cut off before its name.
  static bool was_cut(std::string_view text) {
    const size_t begin = text.find_first_of("{[");
    if (begin == std::string_view::npos) return false;
    JsonExtent extent;
    return std::ranges::all_of(text.substr(begin), [&](char next) { return extent.takes(next); }) &&
           !extent.is_complete();
  }
};

}  // namespace

std::unique_ptr<Stage> make_hermes_stage(ToolStage::Options options) {
  return std::make_unique<TaggedJsonStage>(Tags{.open = {"<tool_call>"}, .close = {"</tool_call>"}},
                                           std::move(options));
}

std::unique_ptr<Stage> make_granite_stage(ToolStage::Options options) {
  return std::make_unique<TaggedJsonStage>(
      Tags{.open = {"<|tool_call|>", "<tool_call>"}, .close = {"<|/tool_call|>", "</tool_call>"}}, std::move(options));
}

std::unique_ptr<Stage> make_forced_stage(ToolStage::Options options) {
  return std::make_unique<ForcedStage>(std::move(options));
}

}  // namespace braid::parsers
