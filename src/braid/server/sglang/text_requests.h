// The bodies of /tokenize, /detokenize and /abort_request as validated plain structs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/server/openai/parse/requests.h"

namespace braid::sglang {

struct TokenizeRequest {
  // One text, several, or a conversation that the template renders first.
  std::variant<std::string, std::vector<std::string>, openai::ChatRequest> prompt;
  bool add_special_tokens = true;  // to a text; a conversation's are in its template
};

struct DetokenizeRequest {
  std::vector<std::vector<TokenId>> tokens;
  bool is_list = false;  // of lists
  bool skip_special_tokens = true;
};

struct AbortRequest {
  std::string rid;
  bool all = false;
};

openai::ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view body, const openai::ProtocolLimits& limits);
openai::ApiResult<DetokenizeRequest> parse_detokenize_request(std::string_view body,
                                                              const openai::ProtocolLimits& limits);
openai::ApiResult<AbortRequest> parse_abort_request(std::string_view body, const openai::ProtocolLimits& limits);

}  // namespace braid::sglang
