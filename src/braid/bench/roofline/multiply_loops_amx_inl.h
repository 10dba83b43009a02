// The loops over tile registers, hardware or emulated (kernels/cpu/matmul_amx_kernel.h defines Tiles).
#pragma once

#include "braid/bench/roofline/multiply_loops.h"

namespace braid::bench {
namespace {

constexpr int64_t kTileSums = 256;    // 16 x 16
constexpr int64_t kTileBytes = 1024;  // 16 rows of 64 bytes

// A tile product's instruction, and the type of its sums.
struct Bf16Product {
  using Sum = float;
  static constexpr double kOperations = 2.0 * 16 * 16 * 32;
  static constexpr const char* kInstruction = "tdpbf16ps";
  static constexpr int kIntegerBytes = 0;
  template <int kSum, int kA, int kB, typename Tiles>
  static void add(Tiles& tiles) {
    tiles.template multiply_add<kSum, kA, kB>();
  }
};

struct Int8Product {
  using Sum = int32_t;
  static constexpr double kOperations = 2.0 * 16 * 16 * 64;
  static constexpr const char* kInstruction = "tdpbssd";
  static constexpr int kIntegerBytes = 1;
  template <int kSum, int kA, int kB, typename Tiles>
  static void add(Tiles& tiles) {
    tiles.template multiply_add_s8<kSum, kA, kB>();
  }
};

template <typename Product, int kTile, typename Tiles>
void add_up_tile(Tiles& tiles, float* sums) {
  alignas(64) typename Product::Sum values[kTileSums];
  tiles.template store<kTile>(values, 64);
  for (int64_t i = 0; i < kTileSums; ++i) sums[kTile * kTileSums + i] += static_cast<float>(values[i]);
}

// Registers: 0…5 sums, 6 rows, 7 weights.
template <typename Tiles, typename Product>
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
    Product::template add<0, 6, 7>(tiles);
    Product::template add<1, 6, 7>(tiles);
    Product::template add<2, 6, 7>(tiles);
    Product::template add<3, 6, 7>(tiles);
    Product::template add<4, 6, 7>(tiles);
    Product::template add<5, 6, 7>(tiles);
  }
  add_up_tile<Product, 0>(tiles, sums);
  add_up_tile<Product, 1>(tiles, sums);
  add_up_tile<Product, 2>(tiles, sums);
  add_up_tile<Product, 3>(tiles, sums);
  add_up_tile<Product, 4>(tiles, sums);
  add_up_tile<Product, 5>(tiles, sums);
  tiles.release();
  return 6 * Product::kOperations * static_cast<double>(passes);
}

// Each step takes two tiles of weights, each with two of rows. Registers: 0…3 sums, 4 and 5 rows, 6 and 7 weights.
template <typename Tiles, typename Product>
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
      Product::template add<0, 4, 6>(tiles);
      tiles.template load<7>(weights + kTileBytes, 64);
      Product::template add<1, 4, 7>(tiles);
      tiles.template load<5>(rows + kTileBytes, 64);
      Product::template add<2, 5, 6>(tiles);
      Product::template add<3, 5, 7>(tiles);
    }
  }
  add_up_tile<Product, 0>(tiles, sums);
  add_up_tile<Product, 1>(tiles, sums);
  add_up_tile<Product, 2>(tiles, sums);
  add_up_tile<Product, 3>(tiles, sums);
  tiles.release();
  return 4 * Product::kOperations * static_cast<double>(operands.weight_bytes / (2 * kTileBytes) * passes);
}

template <typename Tiles, typename Product>
MultiplyLoops tile_loops() {
  return {.instruction = Product::kInstruction,
          .has_float_rows = false,
          .integer_bytes = Product::kIntegerBytes,
          .from_registers = multiply_tiles_in_registers<Tiles, Product>,
          .from_cache = multiply_cached_tiles<Tiles, Product>};
}

}  // namespace
}  // namespace braid::bench
