// The hardware's tile registers (AmxKernel and AmxAttention state the interface, for
// integers quantized_tiles_inl.h). In assembly, because g++ 12's
// intrinsics do not tell the compiler which memory they read (_tile_loadconfig 8 of its 64 bytes, _tile_loadd none), so
// it may drop or delay the stores that fill it. Only for files of the AMX tier; each gets its own copy (matmul_tier.h
// says why).
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/amx_tile_shapes.h"

namespace braid::cpu {
namespace {

class HardwareTiles {
 public:
  void configure(const TileShapes& shapes) {
    struct alignas(64) Config {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t num_rows[16] = {};
    } config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = static_cast<uint16_t>(shapes.of[tile].row_bytes);
      config.num_rows[tile] = static_cast<uint8_t>(shapes.of[tile].rows);
    }
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  void release() { asm volatile("tilerelease"); }

  template <int kTile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  void load(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  void store(void* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSum, int kA, int kB>
  void multiply_add() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
  // Integers: A is signed bytes, B signed or unsigned ones.
  template <int kSum, int kA, int kB>
  void multiply_add_s8() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
  template <int kSum, int kA, int kB>
  void multiply_add_u8() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

}  // namespace
}  // namespace braid::cpu
