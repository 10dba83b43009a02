// Buffers one behind another in shared address space: those of a few megabytes, an expert's matrices, share huge pages
// at their ends, where each by itself would have small ones there (a third of a matrix of 3 MB, read 5 % slower) or
// leave a part of the last huge page unused (a fifth of all memory in a mixture).
#pragma once

#include <cstdint>
#include <memory>

#include "braid/tensor/buffer.h"

namespace braid {

class BufferArena {
 public:
  // `bytes` bytes, aligned to 64, zero until written. They outlive the arena if need be.
  Buffer take(int64_t bytes);

  // Of all that was taken: those that huge pages are asked for.
  int64_t huge_page_bytes() const { return own_huge_bytes_ + bytes_on_huge_pages(shared_bytes_); }

 private:
  std::shared_ptr<const Mapping> slab_;
  int64_t used_ = 0;  // of the slab
  int64_t shared_bytes_ = 0;
  int64_t own_huge_bytes_ = 0;
};

}  // namespace braid
