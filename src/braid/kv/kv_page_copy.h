// A copy of one sequence's pages of keys and values, on the way from one rank's KV cache to another's. No step changes
// its bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"
#include "braid/request/ids.h"

namespace braid {

class KvPageCopy {
 public:
  using PagesByKvGroup = std::span<const std::vector<PageId>>;  // one list for each KV group

  // Copies these pages of all layers out. They must be committed.
  static KvPageCopy gather(const KvCache& from, PagesByKvGroup pages);

  // Copies them, in order, into the same number of pages of another cache and commits those. If the cache has another
  // shape or the number of pages differs from gather(), returns an error and writes nothing.
  Status scatter(KvCache& to, PagesByKvGroup pages) const;

  int32_t num_pages() const;
  // [layers][keys, values][pages of the layer's KV group][page bytes]
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  KvPageCopy() = default;

  KvLayer shape_;                  // of each layer; its pointers are null
  std::vector<int32_t> of_layer_;  // the layer's KV group
  std::vector<size_t> num_pages_;  // of each KV group
  std::vector<std::byte> bytes_;
};

}  // namespace braid
