#include "braid/base/freed_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

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

int64_t resident_bytes() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * 4096;
}

TEST(FreedMemory, WhatIsFreedBetweenKeptBlocksIsReturned) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "not the C library's allocator";
#endif
  keep_freed_memory();
  constexpr size_t kBlockBytes = 64 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 512; ++i) {
    blocks.emplace_back(new char[kBlockBytes]);
    std::memset(blocks.back().get(), 1, kBlockBytes);
  }
  for (size_t i = 0; i + 1 < blocks.size(); ++i) blocks[i].reset();  // the last one keeps the heap as long as it is
  const int64_t before = resident_bytes();
  return_freed_memory();
  EXPECT_GT(before - resident_bytes(), int64_t{400 * kBlockBytes});
}

}  // namespace
}  // namespace braid
