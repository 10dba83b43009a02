// libFuzzer: any bytes as a body are refused with a named error, or give a request whose numbers lie within the limits.
#include "braid/base/check.h"
#include "braid/server/openai/parse/requests.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid::openai;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const ProtocolLimits limits{.vocab_size = 1000};
  const auto check_common = [&](const CommonParameters& common) {
    CHECK(common.n >= 1 && common.n <= limits.max_choices);
    CHECK(common.stop_strings.size() <= limits.max_stop_strings);
    for (const auto& [token, bias] : common.logit_bias)
      CHECK(token >= 0 && token < 1000 && bias >= -100 && bias <= 100);
    for (const auto token : common.stop_token_ids) CHECK(token >= 0 && token < 1000);
  };
  const auto completion = parse_completion_request(body, limits);
  if (const auto* request = std::get_if<CompletionRequest>(&completion)) {
    check_common(request->common);
    CHECK(!request->prompts.empty());
  } else {
    CHECK(!std::get<ApiError>(completion).message.empty());
  }
  const auto chat = parse_chat_request(body, limits);
  if (const auto* request = std::get_if<ChatRequest>(&chat)) {
    check_common(request->common);
    auto variables = template_variables(*request, ArgumentStyle::kObject);
    if (request->continue_final_message) mark_final_message(variables);
  } else {
    CHECK(!std::get<ApiError>(chat).message.empty());
  }
  return 0;
}
