// The keys and values of one sequence on their way from one rank's KV cache into another's: a copy of its pages, whose
// bits no step changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"
#include "braid/request/ids.h"

namespace braid {

class KvTransfer {
 public:
  // Copies these pages of all layers out. They must have been committed.
  static KvTransfer gather(const KvCache& from, std::span<const PageId> pages);

  // Copies them into as many pages of another cache, in their order, and commits those. An error, and nothing written,
  // if the caches have another shape or the number of pages is not that of gather().
  Status scatter(KvCache& to, std::span<const PageId> pages) const;

  int32_t num_pages() const { return num_pages_; }
  std::span<const std::byte> bytes() const { return bytes_; }  // [layers][keys, values][pages][a page's bytes]

 private:
  KvTransfer() = default;

  KvLayer shape_;  // of each layer; without its memory
  int32_t num_layers_ = 0;
  int32_t num_pages_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace braid
