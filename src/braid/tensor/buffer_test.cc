#include "braid/tensor/buffer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace braid {
namespace {

TEST(Buffer, IsAlignedAndZeroAndMoves) {
  for (int64_t bytes : {0L, 1L, 4096L, 5L << 20}) {
    Buffer first(bytes);
    Buffer second = std::move(first);
    EXPECT_EQ(first.data(), nullptr);
    EXPECT_EQ(second.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(second.data()) % 64, 0U);
    for (int64_t i = 0; i < bytes; i += 511) EXPECT_EQ(second.data()[i], std::byte{0});
  }
}

TEST(Buffer, OneThatCannotBeHadIsNoMemoryAsForNew) {
  constexpr int64_t kTooMuch = int64_t{1} << 60;
  try {
    const Buffer buffer(kTooMuch);
    FAIL();
  } catch (const std::bad_alloc& error) {
    EXPECT_NE(std::string(error.what()).find("cannot reserve 115292"), std::string::npos) << error.what();
  }
}

TEST(Mapping, SmallPagesAreCommittedOneByOne) {
  constexpr int64_t kBytes = 8 << 20;
  const Mapping mapping(kBytes, PageSize::kSmall);
  mapping.data()[5 << 20] = std::byte{1};
  std::vector<unsigned char> is_there(kBytes / 4096);
  ASSERT_EQ(mincore(mapping.data(), kBytes, is_there.data()), 0);
  EXPECT_EQ(std::ranges::count_if(is_there, [](unsigned char page) { return (page & 1) != 0; }), 1);
}

TEST(Mapping, OfAFileHasWhatAnotherHasWritten) {
  const int file = memfd_create("test", MFD_CLOEXEC);
  constexpr int64_t kBytes = (int64_t{6} << 20) + 100;
  ASSERT_EQ(ftruncate(file, kBytes), 0);
  const Mapping first(file, kBytes);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first.data()) % (2 << 20), 0U);
  first.data()[kBytes - 1] = std::byte{1};
  first.data()[(4 << 20) + 5] = std::byte{2};
  back_huge_pages_of_file({first.data(), 2 << 20});
  back_huge_pages_of_file({first.data() + (4 << 20), 2 << 20});
  const Mapping second(file, kBytes);
  const Mapping part(file, 2 << 20, 4 << 20);
  close(file);
  EXPECT_EQ(part.data()[5], std::byte{2});
  EXPECT_EQ(second.data()[kBytes - 1], std::byte{1});
  EXPECT_EQ(second.data()[(4 << 20) + 5], std::byte{2});
  EXPECT_EQ(second.data()[1 << 20], std::byte{0});
}

}  // namespace
}  // namespace braid
