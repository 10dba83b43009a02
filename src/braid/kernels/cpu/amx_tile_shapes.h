// What a kernel asks of the eight tile registers of AMX, whether they are the hardware's or emulated.
#pragma once

#include <cstdint>

namespace braid::cpu {

struct TileShape {
  int64_t rows = 16;       // at most
  int64_t row_bytes = 64;  // at most
};

struct TileShapes {
  TileShape of[8];  // by register
};

}  // namespace braid::cpu
