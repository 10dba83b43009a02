// Tile registers in memory with the arithmetic of TDPBF16PS, TDPBSSD and TDPBSUD (Intel SDM, volume 2), so that tests
// can run without AMX. Slow.
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
    load_tile(kTile, static_cast<const std::byte*>(from), stride);
  }
  template <int kTile>
  void store(void* to, int64_t stride) {
    store_tile(kTile, static_cast<std::byte*>(to), stride);
  }
  // The hardware faults on shapes that do not fit together; here the sums stay as they were.
  template <int kSum, int kA, int kB>
  void multiply_add() {
    if (fit(kSum, kA, kB)) add_pairs(kSum, kA, kB);
  }
  template <int kSum, int kA, int kB>
  void multiply_add_s8() {
    if (fit(kSum, kA, kB)) add_quads(kSum, kA, kB, true);
  }
  template <int kSum, int kA, int kB>
  void multiply_add_u8() {
    if (fit(kSum, kA, kB)) add_quads(kSum, kA, kB, false);
  }

 private:
  struct Tile {
    uint32_t words[16][16];
  };

  bool fit(int sum, int a, int b) const {
    return shapes_.of[a].rows == shapes_.of[sum].rows && shapes_.of[b].row_bytes == shapes_.of[sum].row_bytes &&
           shapes_.of[a].row_bytes == 4 * shapes_.of[b].rows;
  }

  // These are compiled once, not for each register.
  __attribute__((noinline)) void load_tile(int tile, const std::byte* from, int64_t stride) {
    tiles_[tile] = {};
    for (int64_t row = 0; row < shapes_.of[tile].rows; ++row) {
      __builtin_memcpy(tiles_[tile].words[row], from + row * stride, row_bytes(tile));
    }
  }
  __attribute__((noinline)) void store_tile(int tile, std::byte* to, int64_t stride) {
    for (int64_t row = 0; row < shapes_.of[tile].rows; ++row) {
      __builtin_memcpy(to + row * stride, tiles_[tile].words[row], row_bytes(tile));
    }
  }
  __attribute__((noinline)) void add_pairs(int sums, int a_tile, int b_tile) {
    for (int64_t row = 0; row < shapes_.of[sums].rows; ++row) {
      for (int col = 0; col < 16; ++col) {
        float even = 0;
        float odd = 0;
        for (int64_t pair = 0; pair < shapes_.of[b_tile].rows; ++pair) {
          const uint32_t a = tiles_[a_tile].words[row][pair];
          const uint32_t b = tiles_[b_tile].words[pair][col];
          even = std::fma(as_float(a << 16), as_float(b << 16), even);
          odd = std::fma(as_float(a & 0xffff0000U), as_float(b & 0xffff0000U), odd);
        }
        uint32_t& sum = tiles_[sums].words[row][col];
        sum = __builtin_bit_cast(uint32_t, as_float(sum) + (even + odd));
      }
    }
  }
  // Bytes of A are signed. Sums wrap around, as the hardware's do.
  __attribute__((noinline)) void add_quads(int sums, int a_tile, int b_tile, bool is_b_signed) {
    for (int64_t row = 0; row < shapes_.of[sums].rows; ++row) {
      for (int64_t quad = 0; quad < shapes_.of[b_tile].rows; ++quad) {
        const uint32_t a = tiles_[a_tile].words[row][quad];
        for (int byte = 0; byte < 32; byte += 8) {
          const int32_t factor = static_cast<int8_t>((a >> byte) & 0xffU);
          for (int col = 0; col < 16; ++col) {
            const auto b = static_cast<int32_t>((tiles_[b_tile].words[quad][col] >> byte) & 0xffU);
            const int32_t product = factor * (is_b_signed && b > 127 ? b - 256 : b);
            tiles_[sums].words[row][col] += static_cast<uint32_t>(product);
          }
        }
      }
    }
  }

  static float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
  static constexpr TileShapes kNone = {{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}};
  size_t row_bytes(int tile) const { return static_cast<size_t>(shapes_.of[tile].row_bytes); }

  Tile tiles_[8] = {};
  TileShapes shapes_ = kNone;
};

}  // namespace
}  // namespace braid::cpu
