// Why a request was not accepted.
#pragma once

#include <cstdint>
#include <string>

namespace braid {

struct SubmitError {
  enum class Reason : uint8_t {
    kBadRequest,     // it can never run; so are the next two
    kEmptyPrompt,    // the prompt has no tokens
    kPromptTooLong,  // the prompt exceeds the context
    kQueueFull,      // it may run later
    kEngineFailed,   // nothing runs any more
  };
  Reason reason = Reason::kBadRequest;
  std::string message;
  std::string parameter = {};  // the sampling parameter out of range, by OpenAI's name ("temperature"); may be empty
};

}  // namespace braid
