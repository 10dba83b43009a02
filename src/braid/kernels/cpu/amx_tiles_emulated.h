// Tile registers in memory with TDPBF16PS's arithmetic (Intel SDM, volume 2), so that tests can run without AMX. Slow.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "braid/kernels/cpu/amx_tile_shapes.h"

namespace braid::cpu {
namespace {

class EmulatedTiles {
 public:
  void configure(const TileShapes& shapes) {
    shapes_ = shapes;
    for (auto& tile : tiles_) tile = {};
  }
  void release() { shapes_ = kNone; }

  template <int kTile>
  void zero() {
    tiles_[kTile] = {};
  }
  template <int kTile>
  void load(const void* from, int64_t stride) {
    const auto* bytes = static_cast<const std::byte*>(from);
    tiles_[kTile] = {};
    for (int64_t row = 0; row < shapes_.of[kTile].rows; ++row) {
      __builtin_memcpy(tiles_[kTile].words[row], bytes + row * stride, row_bytes(kTile));
    }
  }
  template <int kTile>
  void store(void* to, int64_t stride) {
    auto* bytes = static_cast<std::byte*>(to);
    for (int64_t row = 0; row < shapes_.of[kTile].rows; ++row) {
      __builtin_memcpy(bytes + row * stride, tiles_[kTile].words[row], row_bytes(kTile));
    }
  }
  // The hardware faults on shapes that do not fit together; here the sums stay as they were.
  template <int kSum, int kA, int kB>
  void multiply_add() {
    if (shapes_.of[kA].rows != shapes_.of[kSum].rows || shapes_.of[kB].row_bytes != shapes_.of[kSum].row_bytes ||
        shapes_.of[kA].row_bytes != 4 * shapes_.of[kB].rows) {
      return;
    }
    for (int64_t row = 0; row < shapes_.of[kSum].rows; ++row) {
      for (int col = 0; col < 16; ++col) {
        float even = 0;
        float odd = 0;
        for (int64_t pair = 0; pair < shapes_.of[kB].rows; ++pair) {
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
  static constexpr TileShapes kNone = {{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}};
  size_t row_bytes(int tile) const { return static_cast<size_t>(shapes_.of[tile].row_bytes); }

  Tile tiles_[8] = {};
  TileShapes shapes_ = kNone;
};

}  // namespace
}  // namespace braid::cpu
