// Reads the parameters that /v1/completions and /v1/chat/completions share; some of them are SGLang's too. Tested by
// completion_request_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

// Names that differ between the protocols.
struct ParameterNames {
  std::string_view max_tokens = "max_tokens";
  std::string_view min_tokens = "min_tokens";
  std::string_view seed = "seed";
};

// The parameters that decide how tokens are drawn and when an output ends.
void read_sampling(ParameterReader& reader, const ProtocolLimits& limits, const ParameterNames& names,
                   CommonParameters& common);

inline constexpr size_t kMaxRidBytes = 256;
int32_t read_priority(ParameterReader& reader);
// dp_rank, by any of its names, and dp_rank_strict, which is true, false or the group's number.
void read_dp_rank(ParameterReader& reader, const ProtocolLimits& limits, CommonParameters& common);
std::optional<double> read_timeout(ParameterReader& reader);  // seconds

CommonParameters read_common(ParameterReader& reader, const ProtocolLimits& limits);

// The body as a JSON object.
Result<Json, ApiError> parse_body(std::string_view body, const ProtocolLimits& limits);

}  // namespace braid::openai
