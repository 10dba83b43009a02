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

class KvPageCopy {
 public:
  using PagesByGroup = std::span<const std::vector<PageId>>;  // one list for each KV group

  // Copies these pages of all layers out. They must have been committed.
  static KvPageCopy gather(const KvCache& from, PagesByGroup pages);

  // Copies them into as many pages of another cache, in their order, and commits those. An error, and nothing written,
  // if the caches have another shape or the numbers of pages are not those of gather().
  Status scatter(KvCache& to, PagesByGroup pages) const;

  int32_t num_pages() const;
  std::span<const std::byte> bytes() const { return bytes_; }  // [layers][keys, values][its group's pages][page bytes]

 private:
  KvPageCopy() = default;

  KvLayer shape_;                  // of each layer; without its memory
  std::vector<int32_t> of_layer_;  // its KV group
  std::vector<size_t> num_pages_;  // of each group
  std::vector<std::byte> bytes_;
};

}  // namespace braid
