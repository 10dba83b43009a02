// Checks whether the engine can run a request at all: the ranges of its parameters and the bounds of its model. These
// limits hold for every caller. A protocol checks JSON types and adds limits of its own (server/openai/parse).
// Tested by request_check_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/request/generation.h"
#include "braid/request/submit_error.h"

namespace braid {

struct RequestBounds {
  int64_t vocab_size = 0;       // of the model
  int64_t text_vocab_size = 0;  // of its tokenizer
  int64_t context_len = 0;
  int32_t num_groups = 1;  // dp_size
};

// `request.prompt` holds token ids. Errors name the parameter, its value, and what is allowed.
Result<void, SubmitError> check_request(const GenerationRequest& request, const RequestBounds& bounds);

}  // namespace braid
