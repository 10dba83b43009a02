// Bodies that must parse, parsed.
#pragma once

#include <gtest/gtest.h>

#include "braid/server/openai/parse/requests.h"

namespace braid::openai::testing {

inline const ProtocolLimits kLimits{.vocab_size = 100};

inline CompletionRequest completion(std::string_view body) {
  auto parsed = parse_completion_request(body, kLimits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) ADD_FAILURE() << body << ": " << error->message;
  return std::holds_alternative<CompletionRequest>(parsed) ? std::get<CompletionRequest>(parsed) : CompletionRequest{};
}

inline ChatRequest chat(std::string_view body) {
  auto parsed = parse_chat_request(body, kLimits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) ADD_FAILURE() << body << ": " << error->message;
  return std::holds_alternative<ChatRequest>(parsed) ? std::get<ChatRequest>(parsed) : ChatRequest{};
}

}  // namespace braid::openai::testing
