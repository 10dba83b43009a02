// A request of any protocol, ready for the engine: what to submit, and the writer of its answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/generation.h"
#include "braid/server/openai/write/answer_writer.h"

namespace braid::openai {

// One submission.
struct PreparedPrompt {
  std::string id = {};                // for /abort_request; empty: the request's id is the only one
  std::string parameter = {};         // the body's parameter that the prompt came from; errors about the prompt name it
  GenerationRequest generation = {};  // its prompt is token ids
};

struct PreparedRequest {
  std::string id;         // names the request in its answer and for /abort_request
  bool is_named = false;  // by its client (rid)
  bool is_stream = false;
  std::optional<double> timeout_s;
  std::string sampling_prefix;  // errors about a sampling parameter name it with this prefix: "sampling_params."
  std::vector<PreparedPrompt> prompts;
  std::unique_ptr<AnswerWriter> writer;
};

}  // namespace braid::openai
