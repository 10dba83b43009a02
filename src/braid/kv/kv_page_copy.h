// A copy of some of a sequence's pages of keys and values, on the way from one rank's KV cache to another's. No step
// changes its bits.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/kv/kv_cache.h"
#include "braid/request/ids.h"
#include "braid/tensor/buffer.h"

namespace braid {

class KvPageCopy {
 public:
  using PagesByKvGroup = std::span<const std::vector<PageId>>;  // one list for each KV group

  // Copies these pages of all layers out, into memory that nothing is written to before. They must be committed.
  // Threads of the team share the work, here and in scatter().
  static KvPageCopy gather(ThreadTeam& team, const KvCache& from, PagesByKvGroup pages) {
    return gather(team, from, pages, [](int64_t bytes) { return Buffer(bytes); });
  }
  // The same into memory_for(bytes), which has so many bytes.
  static KvPageCopy gather(ThreadTeam& team, const KvCache& from, PagesByKvGroup pages,
                           FunctionRef<Buffer(int64_t bytes)> memory_for);

  // The copy that such a cache gathered of as many pages, from its bytes. An error if it has another number of them.
  static Result<KvPageCopy> of_bytes(const KvCache& shaped_like, PagesByKvGroup pages, Buffer bytes);

  // Copies them, in order, into the same number of pages of another cache and commits those. If the cache has another
  // shape or the number of pages differs from gather(), returns an error and writes nothing.
  Status scatter(ThreadTeam& team, KvCache& to, PagesByKvGroup pages) const;

  int32_t num_pages() const;
  // [layers][keys, values][pages of the layer's KV group][page bytes]
  std::span<const std::byte> bytes() const { return {memory_.data(), static_cast<size_t>(memory_.bytes())}; }
  Buffer take_bytes() && { return std::move(memory_); }

 private:
  KvPageCopy() = default;
  // Of pages of such a cache; without memory.
  KvPageCopy(const KvCache& cache, PagesByKvGroup pages);

  KvLayer shape_;                  // of each layer; its pointers are null
  std::vector<int32_t> of_layer_;  // the layer's KV group
  std::vector<size_t> num_pages_;  // of each KV group
  Buffer memory_;
};

}  // namespace braid
