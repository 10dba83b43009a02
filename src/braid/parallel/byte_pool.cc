#include "braid/parallel/byte_pool.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <vector>

namespace braid {
namespace {

constexpr int kSmallestBits = 12;
constexpr size_t kNumSizes = 64 - kSmallestBits;

}  // namespace

// Blocks of powers of two.
struct BytePool::Blocks {
  explicit Blocks(size_t most) : most_unused(most) {}

  const size_t most_unused;
  std::mutex mutex;
  std::array<std::vector<std::unique_ptr<std::byte[]>>, kNumSizes> unused;
};

BytePool::BytePool(size_t most_unused) : blocks_(std::make_shared<Blocks>(most_unused)) {}
BytePool::~BytePool() = default;

std::shared_ptr<std::byte> BytePool::take(size_t size) {
  const int bits = std::max(static_cast<int>(std::bit_width(std::max<size_t>(size, 1) - 1)), kSmallestBits);
  const auto index = static_cast<size_t>(bits - kSmallestBits);
  std::unique_ptr<std::byte[]> block;
  {
    const std::lock_guard lock(blocks_->mutex);
    auto& unused = blocks_->unused[index];
    if (!unused.empty()) {
      block = std::move(unused.back());
      unused.pop_back();
    }
  }
  if (block == nullptr) block = std::make_unique_for_overwrite<std::byte[]>(size_t{1} << bits);
  return {block.release(), [blocks = blocks_, index](std::byte* bytes) {
            std::unique_ptr<std::byte[]> returned(bytes);
            const std::lock_guard lock(blocks->mutex);
            auto& unused = blocks->unused[index];
            if (unused.size() < blocks->most_unused) unused.push_back(std::move(returned));
          }};
}

}  // namespace braid
