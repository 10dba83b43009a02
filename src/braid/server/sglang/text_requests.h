// Parses the bodies of /tokenize, /detokenize, /abort_request and /configure_logging into plain structs. Tested by
// text_requests_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/base/log_levels.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::sglang {

struct TokenizeRequest {
  // One text, several texts, or a conversation, which the chat template renders first.
  std::variant<std::string, std::vector<std::string>, openai::ChatRequest> prompt;
  bool add_special_tokens = true;  // to a text; a conversation has its template's
};

struct DetokenizeRequest {
  std::vector<std::vector<TokenId>> tokens;
  bool is_list = false;  // the tokens came as a list of lists
  bool skip_special_tokens = true;
};

struct AbortRequest {
  std::string rid;
  bool all = false;
};

struct LoggingRequest {
  std::optional<LogLevels> levels;  // absent: as they are
  std::optional<bool> log_requests;
};

Result<TokenizeRequest, openai::ApiError> parse_tokenize_request(std::string_view body,
                                                                 const openai::ProtocolLimits& limits);
Result<DetokenizeRequest, openai::ApiError> parse_detokenize_request(std::string_view body,
                                                                     const openai::ProtocolLimits& limits);
Result<AbortRequest, openai::ApiError> parse_abort_request(std::string_view body, const openai::ProtocolLimits& limits);
Result<LoggingRequest, openai::ApiError> parse_logging_request(std::string_view body,
                                                               const openai::ProtocolLimits& limits);

}  // namespace braid::sglang
