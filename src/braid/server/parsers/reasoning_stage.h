// Separates the thinking between tags at an output's beginning from the text after it.
#pragma once

#include <memory>

#include "braid/server/parsers/format.h"
#include "braid/server/parsers/stage.h"

namespace braid::parsers {

struct ReasoningOptions {
  ReasoningTags tags;
  bool begins_inside = false;  // the prompt contains the opening tag; the output may repeat it
  bool keeps_tags = false;     // reasoning events contain the tags and line breaks: nothing is dropped
};

// Emits reasoning and content. Line breaks beside a tag belong to it, as templates write them. In formats with tags
// around the answer, these tags are not content.
std::unique_ptr<Stage> make_reasoning_stage(ReasoningOptions options);

}  // namespace braid::parsers
