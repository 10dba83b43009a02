// Weights from a seed, with the same bits as tools/seeded_weights.py; that file explains the method. Element i of a
// tensor depends only on (seed, name, i).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "braid/tensor/dtype.h"

namespace braid::testing {

uint64_t seeded_key(uint64_t seed, std::string_view tensor_name);

// Element `index` of the tensor with this key: nearly normal, mean 0, standard deviation 1, magnitude at most 3.47.
float seeded_unit(uint64_t key, uint64_t index);

// Elements [0, count) as unit * scale + offset, rounded to nearest even to `dtype`, little-endian as stored in files.
std::vector<std::byte> seeded_bytes(uint64_t key, int64_t count, float scale, float offset, DType dtype);

// Elements [0, count) of a tensor of bytes, each within [low, high]; `is_signed`: with a random highest bit.
std::vector<std::byte> seeded_bytes_within(uint64_t key, int64_t count, uint8_t low, uint8_t high,
                                           bool is_signed = false);

}  // namespace braid::testing
