// The model that a server serves. Tested by api_service_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "braid/api/engine.h"
#include "braid/multimodal/sources/media_policy.h"
#include "braid/server/openai/prepare/request_model.h"
#include "braid/server/parsers/format.h"

namespace braid {

struct ServedModel {
  std::unique_ptr<Engine> engine;
  std::string name;  // as clients call it
  std::string path;
  std::string tokenizer_path;  // empty: the model's
  int64_t created_s = 0;       // when it was loaded, Unix time
  openai::ProtocolLimits limits;
  openai::RequestModel requests;

  const Tokenizer& tokenizer() const { return requests.tokenizer; }
};

// What the flags say about the model.
struct ServedModelOptions {
  std::string name;
  std::string path;
  std::string tokenizer_path;
  openai::ProtocolLimits limits;  // make_served_model() sets vocab_size and dp_size
  MediaPolicy media;              // where images may come from
  // Absent: as the model's chat template shows.
  std::optional<parsers::ReasoningFormat> reasoning_format;
  std::optional<parsers::ToolFormat> tool_format;
};

std::unique_ptr<ServedModel> make_served_model(std::unique_ptr<Engine> engine, const ServedModelOptions& options);

// 404 for a request that names another model. `name` may be empty.
Result<void, openai::ApiError> check_model_name(const ServedModel& model, std::string_view name);

}  // namespace braid
