// What a group still has to do, in tokens. Plain data. Tested by work_rates_test.cc and group_ledger_test.cc.
#pragma once

#include <cstdint>

#include "braid/wire/group_load.h"

namespace braid {

struct TokenLoad {
  int64_t num_prefill_tokens = 0;  // to be computed before each request's next token
  int64_t num_prefill_pairs = 0;   // of these with all positions before them: what their attention computes
  int64_t num_context_tokens = 0;  // prompts and outputs, which each decode step reads

  int64_t num_tokens() const { return num_prefill_tokens + num_context_tokens; }
  TokenLoad& operator+=(const TokenLoad& other) {
    num_prefill_tokens += other.num_prefill_tokens;
    num_prefill_pairs += other.num_prefill_pairs;
    num_context_tokens += other.num_context_tokens;
    return *this;
  }
  bool operator==(const TokenLoad&) const = default;
};

// Of a request that comes to a group with `num_cached` of its `num_tokens`.
inline TokenLoad load_of_request(int64_t num_tokens, int64_t num_cached) {
  return {.num_prefill_tokens = num_tokens - num_cached,
          .num_prefill_pairs = count_prefill_pairs(num_cached, num_tokens - num_cached),
          .num_context_tokens = num_tokens};
}

}  // namespace braid
