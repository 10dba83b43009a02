// Prompts as bodies have them: text, token ids, or lists of either.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

struct PromptList {
  std::vector<Prompt> prompts;
  bool is_list = false;  // there may still be only one in it
};

enum class PromptKind : uint8_t { kAny, kText, kIds };

// `value`: the parameter of this name. Where something is wrong, the reader has the error.
PromptList read_prompts(ParameterReader& reader, std::string_view name, const Json& value, const ProtocolLimits& limits,
                        PromptKind kind = PromptKind::kAny);

}  // namespace braid::openai
