#include "braid/server/parsers/template_formats.h"

#include <initializer_list>

namespace braid::parsers {

namespace {

class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {}
  bool has(std::string_view marker) const { return text_.find(marker) != std::string_view::npos; }
  bool has_all(std::initializer_list<std::string_view> markers) const {
    for (const std::string_view marker : markers) {
      if (!has(marker)) return false;
    }
    return true;
  }

 private:
  std::string_view text_;
};

bool is_harmony(const Source& source) {
  return source.has_all({"<|start|>", "<|channel|>", "<|message|>"});
}

// The more specific markers first: several formats share <tool_call>.
ToolFormat tool_format(const Source& source) {
  if (is_harmony(source)) return ToolFormat::kHarmony;
  if (source.has_all({"<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"})) return ToolFormat::kDeepSeekV3;
  if (source.has_all({"<tool_call>", "<arg_key>", "<arg_value>"})) return ToolFormat::kGlm45;
  if (source.has_all({"<tool_call>", "<function=", "<parameter="})) return ToolFormat::kQwen3Coder;
  if (source.has("[TOOL_CALLS]")) return ToolFormat::kMistral;
  if (source.has("<|tool_call|>")) return ToolFormat::kGranite;
  if (source.has("<tool_call>")) return ToolFormat::kHermes;
  // Llama 3 and 4: the instructions, or the way an earlier call is shown.
  const bool is_llama = source.has("<|start_header_id|>") || source.has("<|header_start|>");
  if (is_llama && source.has("\"parameters\":") && source.has("\"name\":")) return ToolFormat::kLlama3Json;
  return ToolFormat::kNone;
}

ReasoningFormat reasoning_format(const Source& source) {
  if (is_harmony(source)) return ReasoningFormat::kHarmony;
  if (source.has_all({"[THINK]", "[/THINK]"})) return ReasoningFormat::kMistral;
  if (!source.has("</think>")) return ReasoningFormat::kNone;
  // Some templates only cut thinking off earlier messages, and do not show how it begins. Then the output may begin
  // inside it.
  const bool names_begin = source.has("<think>");
  if (names_begin && source.has_all({"<response>", "</response>"})) return ReasoningFormat::kGranite;
  const bool opens_always = source.has("<｜Assistant｜><think>");
  return names_begin && !opens_always ? ReasoningFormat::kQwen3 : ReasoningFormat::kDeepSeekR1;
}

}  // namespace

TemplateFormats formats_of_template(std::string_view text) {
  const Source source(text);
  const ToolFormat tools = tool_format(source);
  return {.reasoning = reasoning_format(source),
          .tools = tools,
          .ids = tools == ToolFormat::kMistral ? CallIdStyle::kNineAlphanumeric : CallIdStyle::kOpenAi};
}

}  // namespace braid::parsers
