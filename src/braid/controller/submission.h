// What the controller keeps of a submitted request and of each of its choices.
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
  std::vector<uint64_t> prefixes = {};  // of its prompt (PrefixView::prefixes_of), once it was looked up
  // By group: the last command that removed one of its choices. Until the group has seen it, the choice may hold pages
  // there.
  std::map<int32_t, uint64_t> drops = {};
};

struct Choice {
  std::shared_ptr<Submission> submission;
  int32_t index = 0;
  ChoiceText text;
  std::optional<int32_t> group = {};       // once bound to one
  std::optional<double> queue_s = {};      // seconds in the queue until it was first bound
  std::optional<int32_t> lost_group = {};  // the group in which it ran before, if that was lost
  std::optional<int64_t> lost_at = {};     // what it had delivered when that was last lost
  std::vector<TokenId> output = {};        // so far, to go on elsewhere
  int32_t num_scored = 0;                  // prompt tokens whose log-probabilities were delivered
  Usage usage;
  int32_t may_move_at = 1;  // the number of output tokens from which it may move to another group
  bool is_too_long_to_move = false;
  std::optional<RequestId> awaited = {};  // until it is bound: the request with whose prefix it waits (Controller)
  // Tokens and scores of prompt tokens.
  int64_t num_delivered() const { return static_cast<int64_t>(output.size()) + num_scored; }

  std::optional<ChoiceGrammar> grammar = {};
};

}  // namespace braid
