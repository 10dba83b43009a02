// Tile registers in memory with TDPBF16PS's arithmetic (Intel SDM, volume 2): what tests run where there is no AMX.
// Slow.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace braid::cpu {
namespace {

class EmulatedTiles {
 public:
  void configure(int64_t rows) {
    rows_ = rows;
    for (auto& tile : tiles_) tile = {};
  }
  void release() { rows_ = 0; }

  template <int kTile>
  void zero() {
    tiles_[kTile] = {};
  }
  template <int kTile>
  void load(const void* from, int64_t stride) {
    const auto* bytes = static_cast<const std::byte*>(from);
    tiles_[kTile] = {};
    for (int64_t row = 0; row < rows_of(kTile); ++row) {
      __builtin_memcpy(tiles_[kTile].words[row], bytes + row * stride, 64);
    }
  }
  template <int kTile>
  void store(void* to, int64_t stride) {
    auto* bytes = static_cast<std::byte*>(to);
    for (int64_t row = 0; row < rows_of(kTile); ++row) {
      __builtin_memcpy(bytes + row * stride, tiles_[kTile].words[row], 64);
    }
  }
  template <int kSum, int kA, int kB>
  void multiply_add() {
    for (int64_t row = 0; row < rows_; ++row) {
      for (int col = 0; col < 16; ++col) {
        float even = 0;
        float odd = 0;
        for (int pair = 0; pair < 16; ++pair) {
          const uint32_t a = tiles_[kA].words[row][pair];
          const uint32_t b = tiles_[kB].words[pair][col];
          even = std::fma(as_float(a << 16), as_float(b << 16), even);
          odd = std::fma(as_float(a & 0xffff0000U), as_float(b & 0xffff0000U), odd);
        }
        uint32_t& sum = tiles_[kSum].words[row][col];
        sum = __builtin_bit_cast(uint32_t, as_float(sum) + (even + odd));
      }
    }
  }

 private:
  struct Tile {
    uint32_t words[16][16];
  };
  static float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
  int64_t rows_of(int tile) const { return tile < 6 ? rows_ : 16; }

  Tile tiles_[8] = {};
  int64_t rows_ = 0;
};

}  // namespace
}  // namespace braid::cpu
