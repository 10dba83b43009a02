#include "braid/server/openai/write/message_parser.h"

#include <algorithm>
#include <utility>

namespace braid::openai {

namespace {

class PlainParser : public MessageParser {
 public:
  MessageDelta push(std::string_view text) override { return {.content = std::string(text)}; }
  MessageDelta finish() override { return {}; }
};

MessageDelta to_message(parsers::Events events) {
  using Kind = parsers::Event::Kind;
  MessageDelta message;
  for (parsers::Event& event : events) {
    switch (event.kind) {
      case Kind::kContent:
        message.content += event.text;
        break;
      case Kind::kReasoning:
        message.reasoning_content += event.text;
        break;
      case Kind::kCallBegin:
        message.tool_calls.push_back({.index = event.call, .id = std::move(event.id), .name = std::move(event.name)});
        break;
      case Kind::kCallArguments:
        message.append({.tool_calls = {{.index = event.call, .arguments = std::move(event.text)}}});
        break;
    }
  }
  return message;
}

class ModelParser : public MessageParser {
 public:
  explicit ModelParser(const parsers::ParserOptions& options) : parser_(options) {}
  MessageDelta push(std::string_view text) override { return to_message(parser_.push(text)); }
  MessageDelta finish() override { return to_message(parser_.finish()); }

 private:
  parsers::OutputParser parser_;
};

}  // namespace

MakeMessageParser make_parsers(parsers::ParserOptions options) {
  return [options = std::move(options)]() mutable -> std::unique_ptr<MessageParser> {
    auto parser = std::make_unique<ModelParser>(options);
    ++options.id_seed;
    return parser;
  };
}

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

std::unique_ptr<MessageParser> make_plain_parser() {
  return std::make_unique<PlainParser>();
}

}  // namespace braid::openai
