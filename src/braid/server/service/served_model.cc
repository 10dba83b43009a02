#include "braid/server/service/served_model.h"

#include <fmt/core.h>

#include <ctime>
#include <utility>

namespace braid {

std::unique_ptr<ServedModel> make_served_model(std::unique_ptr<Engine> engine, const ServedModelOptions& options) {
  openai::RequestModel requests = openai::request_model_of(*engine);
  requests.media = options.media;
  parsers::TemplateFormats& formats = requests.formats;
  formats.reasoning = options.reasoning_format.value_or(formats.reasoning);
  formats.tools = options.tool_format.value_or(formats.tools);
  if (formats.tools == parsers::ToolFormat::kMistral) formats.ids = parsers::CallIdStyle::kNineAlphanumeric;
  openai::ProtocolLimits limits = options.limits;
  limits.vocab_size = requests.tokenizer.vocab_size();
  limits.dp_size = engine->num_groups();
  return std::make_unique<ServedModel>(ServedModel{.engine = std::move(engine),
                                                   .name = options.name,
                                                   .path = options.path,
                                                   .tokenizer_path = options.tokenizer_path,
                                                   .created_s = static_cast<int64_t>(std::time(nullptr)),
                                                   .limits = limits,
                                                   .requests = std::move(requests)});
}

Result<void, openai::ApiError> check_model_name(const ServedModel& model, std::string_view name) {
  if (name.empty() || name == model.name) return {};
  return openai::ApiError{
      .status = 404,
      .message = fmt::format("the model \"{}\" does not exist; this server has \"{}\"", name, model.name),
      .type = "invalid_request_error",
      .param = "model",
      .code = "model_not_found"};
}

}  // namespace braid
