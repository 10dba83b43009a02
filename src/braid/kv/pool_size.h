// Computes how many pages of a rank's memory each KV group's pool gets. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"

namespace braid {

struct PoolLimits {
  int64_t memory_bytes = 0;          // for keys and values
  int64_t max_total_tokens = 0;      // of the widest KV group; 0: no limit
  int32_t max_running_requests = 0;  // the pool holds at most this many contexts
  int64_t context_len = 0;           // as the model or the user asks
  int32_t chunked_prefill_size = 512;
};

struct PoolSize {
  std::vector<KvGroupPool> kv_groups = {};  // the widest first
  int32_t num_pages = 0;                    // of the widest
  int64_t bytes = 0;                        // of all KV groups
  int64_t context_len = 0;                  // clamped to what the pools hold, so that one request alone always fits
  bool context_was_clamped = false;
};

// An error if not even one page of each KV group fits: it names the bytes available and the bytes of a page.
//
// A KV group with a window gets half as many pages as the widest KV group, but at most twice what all running requests
// hold together (the other half is for cached prefixes), and at least what one request needs. Short requests need the
// same number of pages in every KV group, so they fill the narrower ones first; long requests fill the widest first.
Result<PoolSize> size_pool(const KvShape& shape, const PoolLimits& limits);

}  // namespace braid
