// libFuzzer: any bytes as a body are refused with a message, or parse to a request within the limits.
#include "braid/api/request_check.h"
#include "braid/base/check.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/prepare_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid::openai;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const ProtocolLimits limits{.vocab_size = 1000};
  const auto check_common = [&](const CommonParameters& common) {
    CHECK(common.n >= 1 && common.n <= limits.max_choices);
    CHECK(common.stop_strings.size() <= limits.max_stop_strings);
    for (const auto& [token, bias] : common.logit_bias) CHECK(token >= 0 && token < 1000);
    for (const auto token : common.stop_token_ids) CHECK(token >= 0 && token < 1000);
    const auto generation = to_generation_request(common, std::vector<braid::TokenId>{1}, false, 16, {});
    if (!braid::check_request(generation, {.vocab_size = 1000, .text_vocab_size = 1000, .context_len = 10}).ok())
      return;
    CHECK(generation.sampling.temperature >= 0 && generation.sampling.temperature <= 100);
    for (const auto& [token, bias] : generation.sampling.logit_bias) CHECK(bias >= -100 && bias <= 100);
  };
  const auto completion = parse_completion_request(body, limits);
  if (completion.ok()) {
    check_common(completion->common);
    CHECK(!completion->prompts.empty());
  } else {
    CHECK(!completion.error().message.empty());
  }
  const auto chat = parse_chat_request(body, limits);
  if (chat.ok()) {
    check_common(chat->common);
    auto variables = template_variables(*chat, ArgumentStyle::kObject);
    if (chat->continue_final_message) mark_final_message(variables);
  } else {
    CHECK(!chat.error().message.empty());
  }
  return 0;
}
