// A checksum as fast as memory, for data that braid wrote itself and reads back. It detects lost or damaged bytes, not
// a deliberate forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace braid {

// Covers the bytes and their number. A change in any one 8-byte word always changes it; other damage goes unnoticed
// with a probability of one in 2^64.
uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace braid
