// Reads a choice's text, piece by piece, into events: thinking, tool calls, content. Uses no HTTP, no JSON library and
// no engine. Tested by random_outputs_test.cc, and for each format by json_calls_test.cc and tagged_calls_test.cc.
//
//   OutputParser parser({.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kHermes});
//   Events events = parser.push(delta.text);   // for each delta, whole UTF-8 characters each
//   Events rest = parser.finish();             // after the last one
//
// The joined events do not depend on how the text was cut. No character is lost or repeated, except markers and what
// surrounds them (line breaks beside them, the keys of a call's object). Text is held back only as long as it may be a
// marker or a call's head. If it turns out to be neither, it is content: nothing is an error. A call that has begun
// goes on until its arguments end, or the text does.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "braid/server/parsers/call_writer.h"
#include "braid/server/parsers/event.h"
#include "braid/server/parsers/format.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

class Stage;

struct ParserOptions {
  ReasoningFormat reasoning = ReasoningFormat::kNone;
  bool begins_inside_reasoning = false;  // see format.h
  bool separate_reasoning = true;        // false: thinking is content, tags included

  ToolFormat tools = ToolFormat::kNone;  // also kNone if the request has no tools or its tool_choice is none
  std::shared_ptr<const ToolSet> tool_set = nullptr;  // null: not known
  bool parallel_tool_calls = true;                    // false: calls after the first are dropped
  CallIdStyle id_style = CallIdStyle::kOpenAi;
  uint64_t id_seed = 0;  // random, different for each choice: ids are made from it
};

class OutputParser {
 public:
  explicit OutputParser(const ParserOptions& options);
  ~OutputParser();
  OutputParser(OutputParser&&) noexcept;
  OutputParser& operator=(OutputParser&&) noexcept;

  Events push(std::string_view text);
  Events finish();

 private:
  void pass(const Events& parted, Events& out);

  bool separate_reasoning_;
  std::unique_ptr<Stage> reasoning_;  // null: thinking is not separated
  std::unique_ptr<Stage> tools_;      // reads the content; null: it stays content
};

}  // namespace braid::parsers
