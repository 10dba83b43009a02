// A choice's text in pieces to events in pieces: thinking, tool calls, content. Free of HTTP, JSON libraries and the
// engine.
//
//   OutputParser parser({.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kHermes});
//   Events events = parser.push(delta.text);   // for each delta, whole UTF-8 characters each
//   Events rest = parser.finish();             // after the last one
//
// What comes out, joined, does not depend on how the text was cut. No character is lost or comes twice, but for markers
// and what surrounds them (line breaks beside them, the keys of a call's object). Text is held back only as long as it
// may be a marker or a call's head; what turns out to be neither is content: nothing is an error. A call that has begun
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
  bool begins_inside_reasoning = false;  // begins_inside_reasoning() of format.h
  bool separate_reasoning = true;        // otherwise thinking is content, tags and all

  ToolFormat tools = ToolFormat::kNone;  // kNone also where the request has no tools or its tool_choice is none
  std::shared_ptr<const ToolSet> tool_set = nullptr;  // null: not known
  bool parallel_tool_calls = true;                    // otherwise calls after the first are left out
  CallIdStyle id_style = CallIdStyle::kOpenAi;
  uint64_t id_seed = 0;  // random, another one for each choice: ids are made from it
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
  std::unique_ptr<Stage> reasoning_;  // null: there is none
  std::unique_ptr<Stage> tools_;      // reads the content; null: it stays content
};

}  // namespace braid::parsers
