// A request that has been understood: what to submit, and how its answer is written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/server/openai/prepare/prepared_request.h"
#include "braid/server/openai/write/answer_writer.h"

namespace braid {

// The model that a server serves, and what follows from it.
struct ServedModel {
  std::unique_ptr<Engine> engine;
  std::string name;
  std::string path;
  std::string tokenizer_path;  // empty: the model's
  int64_t created_s = 0;       // when it was loaded, Unix time
  openai::ProtocolLimits limits;
  openai::RequestModel requests;

  const Tokenizer& tokenizer() const { return requests.tokenizer; }
};

// What the server knows of it from its flags.
struct ModelFacts {
  std::string name;
  std::string path;
  std::string tokenizer_path;
  openai::ProtocolLimits limits;  // without vocab_size and dp_size, which are the engine's
  // Absent: as the model's chat template shows.
  std::optional<parsers::ReasoningFormat> reasoning_format;
  std::optional<parsers::ToolFormat> tool_format;
};

std::unique_ptr<ServedModel> make_served_model(std::unique_ptr<Engine> engine, const ModelFacts& facts);

struct GenerationPlan {
  std::string id;                       // names the request in its answer, and for /abort_request
  std::vector<std::string> prompt_ids;  // the same of each prompt; or none
  bool is_stream = false;
  std::optional<double> timeout_s;
  std::vector<GenerationRequest> requests;  // one a prompt
  std::unique_ptr<openai::AnswerWriter> writer;
};

using PlanResult = openai::ApiResult<GenerationPlan>;

// `unique`: what an id is made of where the request brings none. These take as long as parsing, rendering and
// tokenizing the body takes.
PlanResult plan_completion(const ServedModel& model, std::string_view body, const std::string& unique);
PlanResult plan_chat(const ServedModel& model, std::string_view body, const std::string& unique);

// The X-data-parallel-rank header's value: a hint for all prompts whose body has none. An error unless it is a group.
std::optional<openai::ApiError> apply_dp_rank_header(std::string_view value, const ServedModel& model,
                                                     GenerationPlan& plan);

// A request for another model: 404. `name` may be empty.
std::optional<openai::ApiError> check_model_name(const ServedModel& model, std::string_view name);
// A prompt without tokens, or over the context: 400, the latter with both numbers. `param` holds it.
std::optional<openai::ApiError> check_prompt_length(const ServedModel& model, size_t num_tokens, std::string param);

}  // namespace braid
