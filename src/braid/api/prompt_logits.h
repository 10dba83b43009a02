// The raw logits of a prompt, without an engine: for `braid logits` and for comparisons with other implementations.
// Tested by tests/e2e/test_logits.py.
#pragma once

#include <span>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/function_ref.h"

namespace braid {

// Calls visit(row, logits [vocab]) for each of `ids`, in order. The prompt runs in chunks, as in the engine.
Status prompt_logits(const EngineOptions& options, std::span<const TokenId> ids, std::shared_ptr<Logger> logger,
                     FunctionRef<void(int64_t row, std::span<const float> logits)> visit);

}  // namespace braid
