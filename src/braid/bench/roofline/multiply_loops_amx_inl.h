// The loops over tile registers, hardware or emulated (kernels/cpu/matmul_amx_kernel.h defines Tiles).
#pragma once

#include "braid/bench/roofline/multiply_loops.h"

namespace braid::bench {
namespace {

constexpr int64_t kTileSums = 256;    // 16 x 16
constexpr int64_t kTileBytes = 1024;  // 16 rows of 64 bytes
constexpr double kTileFlops = 2.0 * 16 * 16 * 32;

template <typename Tiles, int kTile>
void add_up_tile(Tiles& tiles, float* sums) {
  alignas(64) float values[kTileSums];
  tiles.template store<kTile>(values, 64);
  for (int64_t i = 0; i < kTileSums; ++i) sums[kTile * kTileSums + i] += values[i];
}

// Registers: 0…5 sums, 6 rows, 7 weights.
template <typename Tiles>
double multiply_tiles_in_registers(const MultiplyOperands& operands, int64_t passes, float* sums) {
  Tiles tiles;
  tiles.configure({});
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
  tiles.template zero<4>();
  tiles.template zero<5>();
  tiles.template load<6>(operands.rows, 64);
  tiles.template load<7>(operands.weights, 64);
  for (int64_t pass = 0; pass < passes; ++pass) {
    tiles.template multiply_add<0, 6, 7>();
    tiles.template multiply_add<1, 6, 7>();
    tiles.template multiply_add<2, 6, 7>();
    tiles.template multiply_add<3, 6, 7>();
    tiles.template multiply_add<4, 6, 7>();
    tiles.template multiply_add<5, 6, 7>();
  }
  add_up_tile<Tiles, 0>(tiles, sums);
  add_up_tile<Tiles, 1>(tiles, sums);
  add_up_tile<Tiles, 2>(tiles, sums);
  add_up_tile<Tiles, 3>(tiles, sums);
  add_up_tile<Tiles, 4>(tiles, sums);
  add_up_tile<Tiles, 5>(tiles, sums);
  tiles.release();
  return 6 * kTileFlops * static_cast<double>(passes);
}

// Each step takes two tiles of weights, each with two of rows. Registers: 0…3 sums, 4 and 5 rows, 6 and 7 weights.
template <typename Tiles>
double multiply_cached_tiles(const MultiplyOperands& operands, int64_t passes, float* sums) {
  Tiles tiles;
  tiles.configure({});
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
  for (int64_t pass = 0; pass < passes; ++pass) {
    for (int64_t at = 0; at < operands.weight_bytes; at += 2 * kTileBytes) {
      const std::byte* rows = operands.rows + at % kRowBytes;
      const std::byte* weights = operands.weights + at;
      tiles.template load<6>(weights, 64);
      tiles.template load<4>(rows, 64);
      tiles.template multiply_add<0, 4, 6>();
      tiles.template load<7>(weights + kTileBytes, 64);
      tiles.template multiply_add<1, 4, 7>();
      tiles.template load<5>(rows + kTileBytes, 64);
      tiles.template multiply_add<2, 5, 6>();
      tiles.template multiply_add<3, 5, 7>();
    }
  }
  add_up_tile<Tiles, 0>(tiles, sums);
  add_up_tile<Tiles, 1>(tiles, sums);
  add_up_tile<Tiles, 2>(tiles, sums);
  add_up_tile<Tiles, 3>(tiles, sums);
  tiles.release();
  return 4 * kTileFlops * static_cast<double>(operands.weight_bytes / (2 * kTileBytes) * passes);
}

template <typename Tiles>
MultiplyLoops tile_loops() {
  return {.instruction = "tdpbf16ps",
          .has_float_rows = false,
          .from_registers = multiply_tiles_in_registers<Tiles>,
          .from_cache = multiply_cached_tiles<Tiles>};
}

}  // namespace
}  // namespace braid::bench
