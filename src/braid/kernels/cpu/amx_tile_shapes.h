// The shapes that a kernel asks of AMX's eight tile registers, hardware or emulated.
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
