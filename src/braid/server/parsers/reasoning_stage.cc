#include "braid/server/parsers/reasoning_stage.h"

namespace braid::parsers {

namespace {

class ReasoningStage final : public Stage {
 public:
  explicit ReasoningStage(ReasoningOptions options) : options_(options) {}

 private:
  Part<> run() override {
    co_await hold_newlines();
    const bool has_tag = co_await expect(options_.tags.open);
    if (!has_tag && !options_.begins_inside) co_return;  // releases the held text as content
    end_marker();
    if (has_tag) {
      co_await hold_newlines();
      end_marker();
    }
    TextSink sink(*this, Event::Kind::kReasoning);
    const bool has_end =
        (co_await until_marker({.markers = {&options_.tags.close, 1}, .max_newlines = kMaxNewlines}, sink)).has_value();
    if (!has_end) co_return;
    co_await hold_newlines();
    end_marker();
    if (!options_.tags.answer_open.empty()) co_await read_answer();
  }

  Part<> read_answer() {
    const bool has_tag = co_await expect(options_.tags.answer_open);
    if (!has_tag) co_return;
    co_await hold_newlines();
    end_marker();
    const bool has_end =
        (co_await until_marker({.markers = {&options_.tags.answer_close, 1}, .max_newlines = kMaxNewlines}))
            .has_value();
    // A kept tag is content like the text before it, whose end a parser of calls may still hold.
    if (has_end && !options_.keeps_tags) drop();
  }

  Part<> hold_newlines() {
    for (size_t count = 0; count < kMaxNewlines; ++count) {
      if (co_await peek() != '\n') co_return;
      hold();
    }
  }

  void end_marker() {
    if (options_.keeps_tags) add_text(Event::Kind::kReasoning, held());
    drop();
  }

  const ReasoningOptions options_;
};

}  // namespace

std::unique_ptr<Stage> make_reasoning_stage(ReasoningOptions options) {
  return std::make_unique<ReasoningStage>(options);
}

}  // namespace braid::parsers
