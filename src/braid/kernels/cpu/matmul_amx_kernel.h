// The AMX tier's kernel over an interface to tile registers (hardware or emulated): up to 32 rows times one panel, as 2
// x 2 tiles of 16 x 16 sums.
//
// TDPBF16PS sums a 32-k block as an even-k chain and an odd-k chain of fused multiply-adds, both from zero, and adds
// (even + odd) to the sum; denormals are zero. Nothing here changes that order.
//
// Tiles has configure(shapes), release(), and, by register number, zero<T>(), load<T>(from, stride_bytes), store<T>(to,
// stride_bytes), multiply_add<Sum, A, B>().
#pragma once

#include "braid/kernels/cpu/matmul_driver.h"

namespace braid::cpu {
namespace {

template <typename Tiles>
class AmxKernel {
 public:
  static constexpr int64_t kTileRows = 16;
  static constexpr int64_t kBlockRows = 2 * kTileRows;
  static constexpr int64_t kUnitK = 32;
  static constexpr int64_t kPadK = 32;
  static constexpr bool kIsOnePass = true;
  static constexpr int64_t kPackedBytes = int64_t{384} << 10;
  static constexpr int64_t kShortUnits = 8;
  static constexpr int64_t kStretchUnits = 8;
  static constexpr int64_t kPairRows = 0;
  static constexpr int64_t kStreamRows = 0;

  // One configuration for the whole call: up to 16 rows exactly, more rounded up to whole tiles.
  explicit AmxKernel(int64_t rows) {
    TileShapes shapes;
    for (int tile = 0; tile < 6; ++tile) shapes.of[tile].rows = at_most(rows, kTileRows);  // sums and rows
    tiles_.configure(shapes);
  }
  ~AmxKernel() { tiles_.release(); }
  AmxKernel(const AmxKernel&) = delete;
  AmxKernel& operator=(const AmxKernel&) = delete;

  static int64_t packed_rows(int64_t rows) { return rows <= kTileRows ? rows : kBlockRows; }
  static constexpr int64_t row_bytes(int64_t k) { return k * 2; }

  // [k/32][packed rows][32 k], padded with zeros.
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    const int64_t taken = packed_rows(rows);
    const int64_t blocks = divide_up(k, kPadK);
    constexpr int64_t kRowBytes = row_bytes(kPadK);
    for (int64_t row = 0; row < taken; ++row) {
      const std::byte* in = row < rows ? source.row(first + row) : nullptr;
      for (int64_t block = 0; block < blocks; ++block) {
        std::byte* to = out + (block * taken + row) * kRowBytes;
        const int64_t bytes = in == nullptr ? 0 : at_most(row_bytes(k - block * kPadK), kRowBytes);
        if (bytes == kRowBytes) {
          __builtin_memcpy(to, in + block * kRowBytes, kRowBytes);
        } else {
          __builtin_memset(to, 0, kRowBytes);
          if (bytes > 0) __builtin_memcpy(to, in + block * kRowBytes, static_cast<size_t>(bytes));
        }
      }
    }
  }

  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                const Prefetch& ahead) {
    multiply_rows(rows, a, w, k, sums, resume, ahead);
  }
  void multiply_alone(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums,
                      OutputLines* output) {
    // Fetching 2 to 4 blocks ahead is best on a Xeon with AMX; 16 are slower (and prefetchnta is three times slower).
    constexpr FetchAhead kAhead = {.near = 8192, .far = 0};
    multiply_rows(rows, a, w, k, sums, false, AheadPrefetch<kAhead>{.weights = w, .output = output});
  }

 private:
  static constexpr int64_t kRowBytes = 64;  // of a tile
  static constexpr int64_t kTileBytes = kTileRows * kRowBytes;
  static constexpr int64_t kSumsStride = kPanelCols * 4;

  template <typename Ahead>
  void multiply_rows(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                     const Ahead& ahead) {
    if (rows <= kTileRows) {
      multiply_tiles<1>(packed_rows(rows), a, w, k, sums, resume, ahead);
    } else {
      multiply_tiles<2>(kBlockRows, a, w, k, sums, resume, ahead);
    }
  }

  // Registers: 0…3 sums (row tile, column tile), 4 and 5 rows, 6 and 7 weights.
  template <int kRowTiles, typename Ahead>
  void multiply_tiles(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                      Ahead prefetch) {
    float* lower = sums + kTileRows * kPanelCols;
    if (resume) {
      tiles_.template load<0>(sums, kSumsStride);
      tiles_.template load<1>(sums + kTileRows, kSumsStride);
      if constexpr (kRowTiles == 2) {
        tiles_.template load<2>(lower, kSumsStride);
        tiles_.template load<3>(lower + kTileRows, kSumsStride);
      }
    } else {
      tiles_.template zero<0>();
      tiles_.template zero<1>();
      if constexpr (kRowTiles == 2) {
        tiles_.template zero<2>();
        tiles_.template zero<3>();
      }
    }
    for (; k > 0; k -= kUnitK, w += 2 * kTileBytes, a += rows * kRowBytes) {
      prefetch.all_lines();
      prefetch.next();
      tiles_.template load<6>(w, kRowBytes);
      tiles_.template load<4>(a, kRowBytes);
      tiles_.template multiply_add<0, 4, 6>();
      tiles_.template load<7>(w + kTileBytes, kRowBytes);
      tiles_.template multiply_add<1, 4, 7>();
      if constexpr (kRowTiles == 2) {
        tiles_.template load<5>(a + kTileBytes, kRowBytes);
        tiles_.template multiply_add<2, 5, 6>();
        tiles_.template multiply_add<3, 5, 7>();
      }
    }
    tiles_.template store<0>(sums, kSumsStride);
    tiles_.template store<1>(sums + kTileRows, kSumsStride);
    if constexpr (kRowTiles == 2) {
      tiles_.template store<2>(lower, kSumsStride);
      tiles_.template store<3>(lower + kTileRows, kSumsStride);
    }
  }

  Tiles tiles_;
};

}  // namespace
}  // namespace braid::cpu
