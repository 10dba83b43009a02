#include "braid/base/freed_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "braid/base/system_info.h"

namespace braid {
namespace {

int64_t num_page_faults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(FreedMemory, AFreedBufferIsReused) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "not the C library's allocator";
#endif
  constexpr size_t kBytes = size_t{3} << 20;
  const auto use_one = [] {
    const std::unique_ptr<char[]> buffer(new char[kBytes]);
    std::memset(buffer.get(), 1, kBytes);
    return buffer[kBytes / 2];
  };
  keep_freed_memory();
  EXPECT_EQ(use_one(), 1);
  const int64_t before = num_page_faults();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(use_one(), 1);
  EXPECT_LT(num_page_faults() - before, static_cast<int64_t>(kBytes / 4096)) << "less than one buffer's, of twenty";
}

TEST(FreedMemory, FreedBlocksBetweenUsedOnesAreReturned) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "not the C library's allocator";
#endif
  constexpr size_t kBytes = size_t{64} << 10;
  constexpr size_t kCount = 512;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < kCount; ++i) {
    blocks.emplace_back(new char[kBytes]);
    std::memset(blocks.back().get(), 1, kBytes);
  }
  for (size_t i = 0; i < kCount; i += 2) blocks[i].reset();
  const int64_t before = resident_memory_bytes();
  return_freed_memory();
  EXPECT_LT(resident_memory_bytes(), before - static_cast<int64_t>(kBytes * kCount / 4)) << "half of what is free";
}

}  // namespace
}  // namespace braid
