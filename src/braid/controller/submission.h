// A submitted request on its way: what the controller keeps of it, and of each of its choices.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "braid/controller/choice_grammar.h"
#include "braid/controller/choice_text.h"
#include "braid/request/generation.h"
#include "braid/request/ids.h"

namespace braid {

struct Submission {
  SubmissionId id = 0;
  GenerationRequest request;
  DeltaCallback on_delta;
  double submitted_s = 0;
  std::vector<RequestId> open_choices;
  // The last command that took one of its choices from a group, by group: until the group has seen it, the choice may
  // hold pages there.
  std::map<int32_t, uint64_t> drops = {};
};

struct Choice {
  std::shared_ptr<Submission> submission;
  int32_t index = 0;
  ChoiceText text;
  std::optional<int32_t> group = {};   // once bound to one
  std::optional<double> queue_s = {};  // likewise
  Usage usage;
  int32_t may_move_at = 1;  // output tokens, from which on it may move to another group
  std::optional<ChoiceGrammar> grammar = {};
};

}  // namespace braid
