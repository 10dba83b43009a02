// The parameters that /v1/completions and /v1/chat/completions share.
#pragma once

#include "braid/server/openai/parameter_reader.h"
#include "braid/server/openai/requests.h"

namespace braid::openai {

CommonParameters read_common(ParameterReader& reader, const ProtocolLimits& limits, bool allows_zero_tokens);

// The body as an object; nullopt: `error` says why not.
std::optional<Json> parse_body(std::string_view body, const ProtocolLimits& limits, ApiError& error);

}  // namespace braid::openai
