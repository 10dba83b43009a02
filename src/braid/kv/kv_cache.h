// The memory of the KV cache of one rank: every layer's pages of keys and values, reserved at start and committed when
// a page is first used. Layers of one KV group (kv_group.h) have the same pages, each group its own number of them. How
// large it may be is computed in pool_size.h; which page holds what is the scheduler's business.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/ops.h"
#include "braid/kv/committed_pages.h"
#include "braid/kv/kv_group.h"
#include "braid/request/ids.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct KvShape {
  int32_t num_layers = 0;
  int32_t num_kv_heads = 0;  // of this rank
  int32_t head_dim = 0;
  DType dtype = DType::kBFloat16;     // kFloat32 or kBFloat16
  int32_t page_size = 16;             // tokens; a multiple of KvLayer::kKeyVectorTokens
  std::vector<int32_t> windows = {};  // of each layer (KvGroups); empty: all see all

  KvGroups groups() const { return {windows, num_layers}; }
};

// Keys and values of one token in all layers, in bytes. An error if a field is absurd or the product overflows.
Result<int64_t> kv_bytes_per_token(const KvShape& shape);

// The same of the layers that keep it as long as its sequence lives: those without a window. 0: there are none.
Result<int64_t> kv_bytes_kept_per_token(const KvShape& shape);

class KvCache {
 public:
  // Pages of each KV group, as size_pool() gave them for this shape.
  KvCache(const KvShape& shape, std::span<const KvGroupPool> groups);
  // As many for each group.
  KvCache(const KvShape& shape, int32_t num_pages);

  const KvLayer& layer(int32_t index) const { return layers_[static_cast<size_t>(index)]; }
  int32_t num_layers() const { return static_cast<int32_t>(layers_.size()); }
  const KvGroups& groups() const { return groups_; }
  int32_t num_pages(int32_t group = 0) const { return committed_[static_cast<size_t>(group)].num_pages(); }
  int64_t reserved_bytes() const;
  int64_t committed_bytes() const;

  // Has the system back these pages of a group with memory, where it does not yet: before the step that first uses
  // them, so that the step itself takes no page faults.
  void commit(ThreadTeam& team, std::span<const PageId> pages, int32_t group = 0);

  // Of pages that were written, and so are backed.
  void mark_committed(std::span<const PageId> pages, int32_t group = 0);

  // Has it back about `bytes` of those that come next as well, until `lead_bytes` of each layer's keys lie ready, and
  // of its values. False: they do.
  //
  // Every layer's keys and values need their next huge page in one and the same step. To clear 56 of them takes 5 ms,
  // but 280 ms on a virtual machine whose host has not backed them either: all requests would wait.
  bool commit_ahead(ThreadTeam& team, int64_t bytes, int64_t lead_bytes);

 private:
  KvGroups groups_;
  std::vector<Buffer> buffers_;  // keys, then values, of each layer
  std::vector<KvLayer> layers_;
  std::vector<CommittedPages> committed_;  // of each group
  int64_t page_bytes_ = 0;                 // of the keys of one layer; its values take as many
};

}  // namespace braid
