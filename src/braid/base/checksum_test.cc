#include "braid/base/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

namespace braid {
namespace {

std::vector<std::byte> some_bytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 251);
  return bytes;
}

TEST(Checksum, DependsOnEveryBit) {
  for (const size_t size : {1U, 7U, 8U, 63U, 64U, 65U, 200U}) {
    std::vector<std::byte> bytes = some_bytes(size);
    std::set<uint64_t> seen = {checksum(bytes)};
    for (size_t bit = 0; bit < size * 8; ++bit) {
      const auto flip = static_cast<std::byte>(1U << bit % 8);
      bytes[bit / 8] ^= flip;
      EXPECT_TRUE(seen.insert(checksum(bytes)).second) << "bit " << bit << " of " << size << " bytes";
      bytes[bit / 8] ^= flip;
    }
  }
}

// The same position in two words, in the bits that a product alone would lose.
TEST(Checksum, TwoFlippedSignsDoNotCancel) {
  std::vector<std::byte> bytes = some_bytes(1024);
  const uint64_t before = checksum(bytes);
  for (size_t line = 0; line + 64 < bytes.size(); line += 64) {
    for (const size_t at : {line + 7, line + 64 + 7}) bytes[at] ^= std::byte{0x80};
    EXPECT_NE(checksum(bytes), before);
    for (const size_t at : {line + 7, line + 64 + 7}) bytes[at] ^= std::byte{0x80};
  }
}

TEST(Checksum, DependsOnTheNumberOfZeroBytes) {
  std::set<uint64_t> seen;
  for (size_t size = 0; size < 300; ++size) {
    EXPECT_TRUE(seen.insert(checksum(std::vector<std::byte>(size))).second) << size;
  }
}

TEST(Checksum, DependsOnTheOrderOfWords) {
  std::vector<std::byte> bytes = some_bytes(256);
  const uint64_t before = checksum(bytes);
  for (size_t i = 0; i + 64 < bytes.size(); ++i) {
    std::swap(bytes[i], bytes[i + 64]);
    EXPECT_EQ(checksum(bytes) == before, bytes[i] == bytes[i + 64]) << i;
    std::swap(bytes[i], bytes[i + 64]);
  }
}

}  // namespace
}  // namespace braid
