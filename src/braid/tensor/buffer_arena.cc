#include "braid/tensor/buffer_arena.h"

#include "braid/base/check.h"

namespace braid {

Buffer BufferArena::take(int64_t bytes) {
  constexpr int64_t kAlignment = 64;
  CHECK(bytes >= 0, "a buffer of {} bytes", bytes);
  if (bytes == 0) return Buffer();
  if (bytes > slab_bytes_) {
    own_huge_bytes_ += bytes_on_huge_pages(bytes);
    return {make_mapping_(bytes), 0, bytes};
  }
  if (slab_ == nullptr || used_ + bytes > slab_->bytes()) {
    slab_ = make_mapping_(slab_bytes_);
    used_ = 0;
  }
  Buffer buffer(slab_, used_, bytes);
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  shared_bytes_ += bytes;
  return buffer;
}

}  // namespace braid
