// The first stage separates thinking; the second looks for calls in the rest.
#include "braid/server/parsers/output_parser.h"

#include "braid/server/parsers/reasoning_stage.h"
#include "braid/server/parsers/tool_stages.h"

namespace braid::parsers {

OutputParser::OutputParser(const ParserOptions& options) : separate_reasoning_(options.separate_reasoning) {
  ToolStage::Options tool_options{
      .tools = options.tool_set,
      .calls = {.id_style = options.id_style, .id_seed = options.id_seed, .only_first = !options.parallel_tool_calls}};
  const bool has_harmony_calls = options.tools == ToolFormat::kHarmony;
  if (has_harmony_calls || options.reasoning == ReasoningFormat::kHarmony) {
    // Harmony has one grammar for both. Forced calls do not use it.
    if (options.tools != ToolFormat::kForced) {
      tools_ = make_harmony_stage(
          {.tools = std::move(tool_options), .has_tools = has_harmony_calls, .gives_reasoning = separate_reasoning_});
      return;
    }
  }
  const ReasoningTags tags = reasoning_tags(options.reasoning);
  if (!tags.open.empty()) {
    reasoning_ = make_reasoning_stage(
        {.tags = tags, .begins_inside = options.begins_inside_reasoning, .keeps_tags = !separate_reasoning_});
  }
  tools_ = make_tool_stage(options.tools, std::move(tool_options));
}

OutputParser::~OutputParser() = default;
OutputParser::OutputParser(OutputParser&&) noexcept = default;
OutputParser& OutputParser::operator=(OutputParser&&) noexcept = default;

void OutputParser::pass(const Events& parted, Events& out) {
  for (const Event& event : parted) {
    if (event.kind == Event::Kind::kReasoning) {
      append_text(out, separate_reasoning_ ? Event::Kind::kReasoning : Event::Kind::kContent, event.text);
    } else if (tools_) {
      tools_->push(event.text, out);
    } else {
      append_text(out, Event::Kind::kContent, event.text);
    }
  }
}

Events OutputParser::push(std::string_view text) {
  Events out;
  if (reasoning_) {
    Events parted;
    reasoning_->push(text, parted);
    pass(parted, out);
  } else if (tools_) {
    tools_->push(text, out);
  } else {
    append_text(out, Event::Kind::kContent, text);
  }
  return out;
}

Events OutputParser::finish() {
  Events out;
  if (reasoning_) {
    Events parted;
    reasoning_->finish(parted);
    pass(parted, out);
  }
  if (tools_) tools_->finish(out);
  return out;
}

}  // namespace braid::parsers
