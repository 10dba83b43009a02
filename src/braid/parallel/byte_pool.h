// Memory for messages, which is used again: a fresh block of a megabyte costs 250 page faults, more than its copy.
#pragma once

#include <cstddef>
#include <memory>

namespace braid {

// From any thread.
class BytePool {
 public:
  explicit BytePool(size_t most_unused = 8);  // of each size
  ~BytePool();
  BytePool(const BytePool&) = delete;
  BytePool& operator=(const BytePool&) = delete;

  // At least so many bytes, of any content. They come back when their last owner lets go, also after the pool's end.
  std::shared_ptr<std::byte> take(size_t size);

 private:
  struct Blocks;
  std::shared_ptr<Blocks> blocks_;
};

}  // namespace braid
