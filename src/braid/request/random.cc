#include "braid/request/random.h"

namespace braid {
namespace {

// What a number is used for: draws and seeds must not coincide.
enum class Domain : uint32_t { kDraw = 0, kChoice = 1 };

uint64_t random_bits(uint64_t seed, uint64_t place, Domain domain) {
  const PhiloxBlock block =
      philox4x32({static_cast<uint32_t>(place), static_cast<uint32_t>(place >> 32), static_cast<uint32_t>(domain), 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return (uint64_t{block[1]} << 32) | block[0];
}

}  // namespace

PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53U} * counter[0];
    const uint64_t second = uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

double draw_uniform(uint64_t seed, uint64_t position) {
  return static_cast<double>(random_bits(seed, position, Domain::kDraw) >> 11) * 0x1p-53;
}

uint64_t choice_seed(uint64_t seed, int32_t choice) {
  if (choice == 0) return seed;
  return random_bits(seed, static_cast<uint32_t>(choice), Domain::kChoice);
}

}  // namespace braid
