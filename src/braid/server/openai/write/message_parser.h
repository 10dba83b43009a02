// Splits a choice's text into the parts of a chat message. How a model writes thinking and tool calls is known only
// behind this interface, in server/parsers. Tested by streams_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/parsers/output_parser.h"

namespace braid::openai {

// A piece of a tool call. The first piece has its id and name; the arguments of all pieces join to JSON text.
struct ToolCallDelta {
  int32_t index = 0;  // of the call in the message
  std::string id;
  std::string name;
  std::string arguments;
};

struct MessageDelta {
  std::string content;
  std::string reasoning_content;
  std::vector<ToolCallDelta> tool_calls;

  bool empty() const { return content.empty() && reasoning_content.empty() && tool_calls.empty(); }
  // Joins the pieces of each call.
  void append(MessageDelta delta);
};

// Reads one choice's text piece by piece.
class MessageParser {
 public:
  virtual ~MessageParser() = default;
  virtual MessageDelta push(std::string_view text) = 0;
  // The text ends: returns what was held back.
  virtual MessageDelta finish() = 0;
};

using MakeMessageParser = std::function<std::unique_ptr<MessageParser>()>;

// Reads all text as content.
std::unique_ptr<MessageParser> make_plain_parser();

// Makes a parser with these options for each choice; the ids of calls differ between choices.
MakeMessageParser make_parsers(parsers::ParserOptions options);

}  // namespace braid::openai
