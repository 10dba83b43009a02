// Numbers in the bytes of a file. Callers check that the bytes are there. Tested by image_header_test.cc.
#pragma once

#include <cstdint>
#include <span>

namespace braid {

inline uint32_t big_endian_16(const uint8_t* bytes) {
  return (uint32_t{bytes[0]} << 8) | bytes[1];
}

inline uint32_t big_endian_32(const uint8_t* bytes) {
  return (big_endian_16(bytes) << 16) | big_endian_16(bytes + 2);
}

inline uint32_t little_endian_16(const uint8_t* bytes) {
  return (uint32_t{bytes[1]} << 8) | bytes[0];
}

inline uint32_t little_endian_32(const uint8_t* bytes) {
  return (little_endian_16(bytes + 2) << 16) | little_endian_16(bytes);
}

}  // namespace braid
