// The formats in which models write their thinking and their tool calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace braid::parsers {

enum class ReasoningFormat : uint8_t {
  kNone,
  kQwen3,       // <think>…</think>, at the beginning; begins inside if the prompt ends with an open <think>
  kDeepSeekR1,  // the same, but begins inside unless the prompt closed the thinking
  kMistral,     // [THINK]…[/THINK]
  kGranite,     // <think>…</think><response>…</response>
  kHarmony,     // gpt-oss: the channel "analysis"
};

enum class ToolFormat : uint8_t {
  kNone,
  kHermes,      // <tool_call>{"name": …, "arguments": {…}}</tool_call>
  kLlama3Json,  // {"name": …, "parameters": {…}}, alone or after <|python_tag|>, several with ";" between
  kMistral,     // [TOOL_CALLS] [{"name": …, "arguments": {…}}], [TOOL_CALLS]name{…}, [TOOL_CALLS]name[ARGS]{…}
  kDeepSeekV3,  // <｜tool▁calls▁begin｜>…, as V3 and R1 write it (fenced) and as V3.1 does
  kQwen3Coder,  // <tool_call><function=name><parameter=key>value</parameter></function></tool_call>
  kGlm45,       // <tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>
  kGranite,     // <|tool_call|>[{"name": …, "arguments": {…}}]
  kHarmony,     // gpt-oss: <|channel|>commentary to=functions.name<|message|>{…}<|call|>
  kForced,      // the format of forced_calls.h: the whole output is a call's JSON, or a list of them
};

// As flags name them: "qwen3", "llama3_json", … kForced has no name.
std::string_view name_of(ReasoningFormat format);
std::string_view name_of(ToolFormat format);
std::optional<ReasoningFormat> find_reasoning_format(std::string_view name);
std::optional<ToolFormat> find_tool_format(std::string_view name);
std::vector<std::string> reasoning_format_names();
std::vector<std::string> tool_format_names();

// Whether the format's markers are special tokens in its models' vocabularies. Then a parser sees them only in text
// that was made with skip_special_tokens = false.
bool has_special_markers(ReasoningFormat format);
bool has_special_markers(ToolFormat format);

// The tags around the thinking; empty for kNone and kHarmony.
struct ReasoningTags {
  std::string_view open;
  std::string_view close;
  std::string_view answer_open = {};  // around the answer after it; may be missing
  std::string_view answer_close = {};
};
ReasoningTags reasoning_tags(ReasoningFormat format);

// Whether an output begins inside thinking. `prompt`: the whole rendered prompt. `continued`: its last part, if that is
// the beginning of the message that the output continues (continue_final_message); else empty.
bool begins_inside_reasoning(ReasoningFormat format, std::string_view prompt, std::string_view continued = {});

}  // namespace braid::parsers
