#include "tests/support/seeded_weights.h"

#include <cstring>

#include "braid/tensor/float16.h"

namespace braid::testing {
namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

uint64_t draw(uint64_t key, uint64_t index) {
  return mix(key + (index + 1) * 0x9E3779B97F4A7C15U);
}

template <typename T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

}  // namespace

uint64_t seeded_key(uint64_t seed, std::string_view tensor_name) {
  uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char byte : tensor_name) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
  return mix(seed) ^ hash;
}

float seeded_unit(uint64_t key, uint64_t index) {
  const uint64_t z = draw(key, index);
  const auto sum = static_cast<int32_t>((z & 0xFFFFU) + ((z >> 16) & 0xFFFFU) + ((z >> 32) & 0xFFFFU) + (z >> 48));
  return static_cast<float>(sum - 131070) * static_cast<float>(1.0 / 37837.2);
}

std::vector<std::byte> seeded_bytes(uint64_t key, int64_t count, float scale, float offset, DType dtype) {
  std::vector<std::byte> bytes(static_cast<size_t>(count * dtype_bytes(dtype)));
  for (int64_t i = 0; i < count; ++i) {
    float value = seeded_unit(key, static_cast<uint64_t>(i)) * scale;
    value = value + offset;
    std::byte* at = bytes.data() + i * dtype_bytes(dtype);
    switch (dtype) {
      case DType::kFloat32:
        store(at, value);
        break;
      case DType::kFloat16:
        store(at, to_float16(value).bits);
        break;
      case DType::kBFloat16:
        store(at, to_bfloat16(value).bits);
        break;
    }
  }
  return bytes;
}

std::vector<std::byte> seeded_bytes_within(uint64_t key, int64_t count, uint8_t low, uint8_t high, bool is_signed) {
  std::vector<std::byte> bytes(static_cast<size_t>(count));
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint64_t z = draw(key, i);
    bytes[i] = static_cast<std::byte>(low + (z >> 32) % (uint64_t{high} - low + 1));
    if (is_signed && (z >> 31 & 1) != 0) bytes[i] |= std::byte{0x80};
  }
  return bytes;
}

}  // namespace braid::testing
