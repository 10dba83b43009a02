// Parses bodies that must be valid.
#pragma once

#include <gtest/gtest.h>

#include "braid/server/openai/parse/requests.h"

namespace braid::openai::testing {

inline const ProtocolLimits kLimits{.vocab_size = 100};

inline CompletionRequest completion(std::string_view body) {
  auto parsed = parse_completion_request(body, kLimits);
  if (!parsed.ok()) ADD_FAILURE() << body << ": " << parsed.error().message;
  return parsed.ok() ? *std::move(parsed) : CompletionRequest{};
}

inline ChatRequest chat(std::string_view body) {
  auto parsed = parse_chat_request(body, kLimits);
  if (!parsed.ok()) ADD_FAILURE() << body << ": " << parsed.error().message;
  return parsed.ok() ? *std::move(parsed) : ChatRequest{};
}

}  // namespace braid::openai::testing
