#include "braid/base/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace braid {
namespace {

constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
constexpr uint64_t kOtherOdd = 0xd1b54a32d192ed03;
constexpr int kRotation = 29;
// This many chains of multiplications run side by side; a single chain would wait for each product.
constexpr size_t kLanes = 8;
constexpr size_t kWordBytes = sizeof(uint64_t);

uint64_t word_at(const std::byte* from, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

// One to one in either argument. Multiplying the word spreads its bits, so that no single bit of one word cancels a
// single bit of the next. The rotation brings the high bits back to the low end, where a product would push them out.
uint64_t mix(uint64_t sum, uint64_t word) {
  return std::rotl(sum + word * kOdd, kRotation) * kOtherOdd;
}

}  // namespace

uint64_t checksum(std::span<const std::byte> bytes) {
  std::array<uint64_t, kLanes> lanes;
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = i;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kLanes * kWordBytes; left -= kLanes * kWordBytes, at += kLanes * kWordBytes) {
    for (size_t i = 0; i < kLanes; ++i) lanes[i] = mix(lanes[i], word_at(at + i * kWordBytes, kWordBytes));
  }
  uint64_t sum = bytes.size();
  for (const uint64_t lane : lanes) sum = mix(sum, lane);
  while (left > 0) {
    const size_t count = std::min(left, kWordBytes);
    sum = mix(sum, word_at(at, count));
    at += count;
    left -= count;
  }
  return mix(sum, 0);
}

}  // namespace braid
