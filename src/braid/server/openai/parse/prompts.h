// Reads prompts: text, token ids, or lists of either. Tested by completion_request_test.cc.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

struct PromptList {
  std::vector<Prompt> prompts;
  bool is_list = false;  // a list of one is a list, too
};

enum class PromptKind : uint8_t { kAny, kText, kIds };

// `value`: of the parameter `name`. A wrong value becomes the reader's error.
PromptList read_prompts(ParameterReader& reader, std::string_view name, const Json& value, const ProtocolLimits& limits,
                        PromptKind kind = PromptKind::kAny);

}  // namespace braid::openai
