// How many pages each KV group's pool gets of a rank's memory. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"

namespace braid {

struct PoolLimits {
  int64_t memory_bytes = 0;          // for keys and values
  int64_t max_total_tokens = 0;      // of the widest group; 0: no limit of its own
  int32_t max_running_requests = 0;  // the pool is at most this many times the context
  int64_t context_len = 0;           // what the model or the user asks for
  int32_t chunked_prefill_size = 512;
};

struct PoolSize {
  std::vector<KvGroupPool> groups = {};  // the widest first
  int32_t num_pages = 0;                 // of that one
  int64_t bytes = 0;                     // of all
  int64_t context_len = 0;               // clamped to what the pools hold, so that one request alone always fits
  bool context_was_clamped = false;
};

// An error if not even one page of each group fits: it names the bytes there are and the bytes a page takes.
//
// The layers that see all share the memory with those that have windows like this. A group with a window gets half as
// many pages as the widest group, but no more than twice what all running requests hold together (the other half is for
// prefixes in the cache), and no fewer than one request needs. So the pages of short requests, which need as many in
// every group, fill the narrower groups first, and those of long ones the widest.
Result<PoolSize> size_pool(const KvShape& shape, const PoolLimits& limits);

}  // namespace braid
