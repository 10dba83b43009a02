// Buffers one behind another in shared address space. Buffers of a few megabytes (an expert's matrices) share the huge
// pages at their ends. Alone, each would have small pages there (a third of a matrix of 3 MB, read 5 % slower) or leave
// a part of its last huge page unused (a fifth of all memory in a mixture). Each slab leaves such a part.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "braid/tensor/buffer.h"

namespace braid {

class BufferArena {
 public:
  // Where its address space comes from: a mapping of at least so many bytes, at a huge page.
  using MakeMapping = std::function<std::shared_ptr<const Mapping>(int64_t bytes)>;

  static constexpr int64_t kSlabBytes = int64_t{512} << 20;  // of addresses: untouched pages are never committed

  // Memory of its own. Larger buffers than a slab have a mapping each.
  explicit BufferArena(int64_t slab_bytes = kSlabBytes) : slab_bytes_(slab_bytes) {}
  explicit BufferArena(MakeMapping make_mapping, int64_t slab_bytes = kSlabBytes)
      : make_mapping_(std::move(make_mapping)), slab_bytes_(slab_bytes) {}

  // `bytes` bytes, aligned to 64, zero until written. The buffer may outlive the arena.
  Buffer take(int64_t bytes);

  // The part of all taken bytes for which huge pages are requested.
  int64_t huge_page_bytes() const { return own_huge_bytes_ + bytes_on_huge_pages(shared_bytes_); }

 private:
  MakeMapping make_mapping_ = [](int64_t bytes) { return std::make_shared<const Mapping>(bytes); };
  int64_t slab_bytes_;
  std::shared_ptr<const Mapping> slab_;
  int64_t used_ = 0;  // in the current slab
  int64_t shared_bytes_ = 0;
  int64_t own_huge_bytes_ = 0;
};

}  // namespace braid
