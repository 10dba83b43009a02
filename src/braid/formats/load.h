// Reads a value from a file's bytes (little-endian, at any address).
#pragma once

#include <cstddef>
#include <cstring>

namespace braid {

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace braid
