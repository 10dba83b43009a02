// A checksum that is as fast as memory: for what braid wrote itself and reads back, where bytes may have been lost,
// never chosen by anybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace braid {

// Of bytes and their number. Any one word of 8 bytes that differs changes it for certain, other damage but for one in
// 2^64 by chance.
uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace braid
