// libFuzzer: any bytes as a body of SGLang's endpoints are refused with a message, or parse to a request within the
// limits.
#include "braid/base/check.h"
#include "braid/server/sglang/generate_request.h"
#include "braid/server/sglang/text_requests.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid::sglang;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const braid::openai::ProtocolLimits limits{.vocab_size = 1000};
  const auto check_ids = [](const std::vector<braid::TokenId>& ids) {
    for (const auto id : ids) CHECK(id >= 0 && id < 1000);
  };
  const auto check_error = [](const auto& parsed) {
    if (!parsed.ok()) CHECK(!parsed.error().message.empty());
  };
  const auto generate = parse_generate_request(body, limits);
  check_error(generate);
  if (generate.ok()) {
    CHECK(!generate->items.empty());
    for (const GenerateItem& item : generate->items) {
      CHECK(item.parameters.n >= 1 && item.parameters.n <= limits.max_choices);
      CHECK(item.parameters.max_tokens && *item.parameters.max_tokens >= item.parameters.min_tokens);
      if (const auto* ids = std::get_if<std::vector<braid::TokenId>>(&item.prompt)) check_ids(*ids);
    }
  }
  check_error(parse_tokenize_request(body, limits));
  const auto detokenize = parse_detokenize_request(body, limits);
  check_error(detokenize);
  if (detokenize.ok()) {
    for (const auto& ids : detokenize->tokens) check_ids(ids);
  }
  check_error(parse_abort_request(body, limits));
  return 0;
}
