// Which formats a model writes, as its chat template shows: a template shows the model its own earlier calls and
// thinking, and so contains their markers.
#pragma once

#include <string_view>

#include "braid/server/parsers/call_writer.h"
#include "braid/server/parsers/format.h"

namespace braid::parsers {

struct TemplateFormats {
  ReasoningFormat reasoning = ReasoningFormat::kNone;
  ToolFormat tools = ToolFormat::kNone;
  CallIdStyle ids = CallIdStyle::kOpenAi;  // that the template accepts

  bool operator==(const TemplateFormats&) const = default;
};

// `source`: the template's text; of several templates (default, tool_use), their texts joined.
TemplateFormats formats_of_template(std::string_view source);

}  // namespace braid::parsers
