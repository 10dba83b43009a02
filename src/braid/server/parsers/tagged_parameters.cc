#include "braid/server/parsers/tagged_parameters.h"

#include <utility>

#include "braid/server/parsers/json_text.h"
#include "braid/server/parsers/tagged_value.h"

namespace braid::parsers {

void TaggedParameterStage::begin_arguments(std::string tool) {
  tool_ = tool;
  has_parameters_ = false;
  begin_call(std::move(tool));
  add_arguments("{");
}

void TaggedParameterStage::add_key(std::string_view key) {
  std::string text = std::exchange(has_parameters_, true) ? ", \"" : "\"";
  append_json_escaped(key, text);
  add_arguments(text + "\": ");
}

// Passes strings on at once. Keeps other values, unless they grow too long to be anything but a string.
class TaggedParameterStage::ValueSink final : public Sink {
 public:
  ValueSink(TaggedParameterStage& stage, ValueKinds kinds)
      : stage_(stage), kinds_(kinds), is_string_(kinds == kStringValue) {
    if (is_string_) stage_.add_arguments("\"");
  }

  void add(std::string_view text) override {
    if (!is_string_ && kept_.size() + text.size() <= kMaxHeldBytes) {
      kept_ += text;
      return;
    }
    std::string json = std::exchange(is_string_, true) ? "" : "\"";
    append_json_escaped(std::exchange(kept_, {}), json);
    append_json_escaped(text, json);
    stage_.add_arguments(json);
  }

  void finish(bool is_whole) {
    if (!is_string_) {
      stage_.add_arguments(tagged_value_to_json(kept_, kinds_));
    } else if (is_whole) {
      stage_.add_arguments("\"");
    }
  }

 private:
  TaggedParameterStage& stage_;
  const ValueKinds kinds_;
  bool is_string_;
  std::string kept_;
};

Part<bool> TaggedParameterStage::read_value(std::string_view key, std::string_view close, bool drops_newlines) {
  ValueSink sink(*this, tools().kinds(tool_, key));
  const int next = co_await peek();
  if (drops_newlines && next == '\n') skip();
  const std::optional<size_t> found =
      co_await until_marker({.markers = {&close, 1}, .max_newlines = drops_newlines ? size_t{1} : 0}, sink);
  drop();
  sink.finish(found.has_value());
  co_return found.has_value();
}

}  // namespace braid::parsers
