// Checks whether a request can run on this engine, before any part of it starts. Tested by engine_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/request/generation.h"

namespace braid {

struct RequestBounds {
  int64_t vocab_size = 0;       // of the model
  int64_t text_vocab_size = 0;  // of its tokenizer
  int64_t context_len = 0;
  int32_t num_groups = 1;  // dp_size
};

// `request.prompt` holds token ids. Errors name the parameter, its value, and what is allowed.
Status check_request(const GenerationRequest& request, const RequestBounds& bounds);

}  // namespace braid
