// The memory of the KV cache of one rank: every layer's pages of keys and values, reserved at start and committed when
// a page is first used. How large it may be is computed here too; which page holds what is the scheduler's business.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/kernels/ops.h"
#include "braid/request/ids.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct KvShape {
  int32_t num_layers = 0;
  int32_t num_kv_heads = 0;  // of this rank
  int32_t head_dim = 0;
  DType dtype = DType::kBFloat16;  // kFloat32 or kBFloat16
  int32_t page_size = 16;          // tokens; a multiple of KvLayer::kGroupTokens
};

// Keys and values of one token in all layers, in bytes. An error if a field is absurd or the product overflows.
Result<int64_t> kv_bytes_per_token(const KvShape& shape);

struct PoolLimits {
  int64_t memory_bytes = 0;          // for keys and values
  int64_t max_total_tokens = 0;      // 0: no limit of its own
  int32_t max_running_requests = 0;  // the pool is at most this many times the context
  int64_t context_len = 0;           // what the model or the user asks for
};

struct PoolSize {
  int32_t num_pages = 0;
  int64_t bytes = 0;
  int64_t context_len = 0;  // clamped to what the pool holds, so that one request alone always fits
  bool context_was_clamped = false;
};

// An error if not even one page fits: it names the bytes there are and the bytes a page takes.
Result<PoolSize> size_pool(const KvShape& shape, const PoolLimits& limits);

class KvCache {
 public:
  // `num_pages` as size_pool() gave it for this shape.
  KvCache(const KvShape& shape, int32_t num_pages);

  const KvLayer& layer(int32_t index) const { return layers_[static_cast<size_t>(index)]; }
  int32_t num_layers() const { return static_cast<int32_t>(layers_.size()); }
  int32_t num_pages() const { return num_pages_; }
  int64_t reserved_bytes() const;
  int64_t committed_bytes() const;

  // Has the system back these pages with memory, where it does not yet: before the step that first uses them, so that
  // the step itself takes no page faults.
  void commit(std::span<const PageId> pages);

 private:
  std::vector<Buffer> buffers_;  // keys, then values, of each layer
  std::vector<KvLayer> layers_;
  std::vector<bool> is_committed_;  // [num_pages]
  int32_t num_pages_ = 0;
  int64_t page_bytes_ = 0;  // of the keys of one layer; its values take as many
};

}  // namespace braid
