#include "braid/server/openai/output_parser.h"

#include <algorithm>
#include <utility>

namespace braid::openai {

namespace {

class PlainParser : public OutputParser {
 public:
  MessageDelta push(std::string_view text) override { return {.content = std::string(text)}; }
  MessageDelta finish() override { return {}; }
};

}  // namespace

void MessageDelta::append(MessageDelta delta) {
  content += delta.content;
  reasoning_content += delta.reasoning_content;
  for (ToolCallDelta& call : delta.tool_calls) {
    const auto known = std::ranges::find(tool_calls, call.index, &ToolCallDelta::index);
    if (known == tool_calls.end()) {
      tool_calls.push_back(std::move(call));
    } else {
      known->arguments += call.arguments;
    }
  }
}

std::unique_ptr<OutputParser> make_plain_parser() {
  return std::make_unique<PlainParser>();
}

}  // namespace braid::openai
