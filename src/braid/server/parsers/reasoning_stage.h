// Parts thinking between tags at an output's beginning from what comes behind it.
#pragma once

#include <memory>

#include "braid/server/parsers/format.h"
#include "braid/server/parsers/stage.h"

namespace braid::parsers {

struct ReasoningOptions {
  ReasoningTags tags;
  bool begins_inside = false;  // the opening tag, which may come nevertheless, was in the prompt
  bool keeps_tags = false;     // the reasoning's events have tags and line breaks too: nothing is dropped
};

// Gives reasoning and content. Line breaks beside the tags belong to them, as templates write them. The answer's tags,
// of formats that have them, are no content.
std::unique_ptr<Stage> make_reasoning_stage(ReasoningOptions options);

}  // namespace braid::parsers
