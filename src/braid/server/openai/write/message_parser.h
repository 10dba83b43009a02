// The seam between a choice's text and what a chat message is made of. A model's way to think or to call tools is known
// behind it (server/parsers) and nowhere else in the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/parsers/output_parser.h"

namespace braid::openai {

// News of one tool call. The first has its id and name; the arguments of all, joined, are JSON text.
struct ToolCallDelta {
  int32_t index = 0;  // of the call in its message
  std::string id;
  std::string name;
  std::string arguments;
};

struct MessageDelta {
  std::string content;
  std::string reasoning_content;
  std::vector<ToolCallDelta> tool_calls;

  bool empty() const { return content.empty() && reasoning_content.empty() && tool_calls.empty(); }
  // The deltas of one call joined into one.
  void append(MessageDelta delta);
};

// One choice's text, in pieces as it comes.
class MessageParser {
 public:
  virtual ~MessageParser() = default;
  virtual MessageDelta push(std::string_view text) = 0;
  // What was held back, when no more comes.
  virtual MessageDelta finish() = 0;
};

using MakeMessageParser = std::function<std::unique_ptr<MessageParser>()>;

// All text is content.
std::unique_ptr<MessageParser> make_plain_parser();

// Each choice's text is read as `options` say; ids of calls differ from choice to choice.
MakeMessageParser make_parsers(parsers::ParserOptions options);

}  // namespace braid::openai
