// The memory of one rank's KV cache: every layer's pages of keys and values, reserved at start and committed when a
// page is first used. The layers of a KV group (kv_group.h) have the same pages; each KV group has a number of pages of
// its own. pool_size.h computes the size; the scheduler decides what each page holds.
#pragma once

#include <cstdint>
#include <memory>
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
  KvCodes codes = KvCodes::kNone;     // with others the dtype is kBFloat16
  int32_t page_size = 16;             // tokens; a multiple of KvLayer::kKeyVectorTokens
  std::vector<int32_t> windows = {};  // of each layer (KvGroups); empty: all layers see all positions

  KvGroups kv_groups() const { return {windows, num_layers}; }
  KvLayer layer() const;                                                 // of any layer; its pointers are null
  int64_t layer_page_bytes() const { return 2 * layer().page_bytes(); }  // a page's keys and values in one layer
};

// Bytes of one token's keys and values in all layers. An error if a field is absurd or the product overflows.
Result<int64_t> kv_bytes_per_token(const KvShape& shape);

// The same, but only for layers without a window, which keep a token as long as its sequence lives. 0: there are none.
Result<int64_t> kv_bytes_kept_per_token(const KvShape& shape);

class KvCache {
 public:
  // With each KV group's pages as computed by size_pool() for this shape.
  KvCache(const KvShape& shape, std::span<const KvGroupPool> kv_groups);
  // The same in a mapped file, from `offset` on, which is a whole number of huge pages: with what is there.
  KvCache(const KvShape& shape, std::span<const KvGroupPool> kv_groups, std::shared_ptr<const Mapping> file,
          int64_t offset);
  // How much of a file that takes.
  static int64_t file_bytes(const KvShape& shape, std::span<const KvGroupPool> kv_groups);
  // With the same number of pages for each KV group.
  KvCache(const KvShape& shape, int32_t num_pages);

  const KvLayer& layer(int32_t index) const { return layers_[static_cast<size_t>(index)]; }
  int32_t num_layers() const { return static_cast<int32_t>(layers_.size()); }
  const KvGroups& kv_groups() const { return kv_groups_; }
  int32_t num_pages(int32_t kv_group = 0) const { return committed_[static_cast<size_t>(kv_group)].num_pages(); }
  int64_t reserved_bytes() const;
  int64_t committed_bytes() const;

  // Makes the system back these pages of a KV group with memory where it does not yet. Called before the step that
  // first uses them, so that the step itself takes no page faults.
  void commit(ThreadTeam& team, std::span<const PageId> pages, int32_t kv_group = 0);

  // Notes that these pages were written, and so are backed.
  void mark_committed(std::span<const PageId> pages, int32_t kv_group = 0);

  // Backs about `bytes` of the pages that come next, until `lead_bytes` of each layer's keys and of its values are
  // ready. False if they were ready already.
  //
  // All layers' keys and values need their next huge page in the same step. Clearing 56 huge pages takes 5 ms, but 280
  // ms on a virtual machine whose host has not backed them either: all requests would wait.
  bool commit_ahead(ThreadTeam& team, int64_t bytes, int64_t lead_bytes);

 private:
  KvGroups kv_groups_;
  std::vector<Buffer> buffers_;  // keys, then values, of each layer
  std::vector<KvLayer> layers_;
  std::vector<CommittedPages> committed_;  // of each KV group
  int64_t page_bytes_ = 0;                 // of one layer's keys; its values take the same
};

}  // namespace braid
