// What all ranks of a process send to all ranks of another one in one operation, as one message: a table of who sends
// what, then the data. What a rank sends alike to all ranks, as in a gather, is there once. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/flight_recorder.h"

namespace braid {

// One rank's part of an operation.
struct BundlePart {
  OpRecord call;                                   // of the rank; its times do not travel
  std::vector<std::span<const std::byte>> pieces;  // for each receiver, in rank order
};

// Consecutive ranks; all have as many pieces as there are receivers.
size_t bundle_bytes(std::span<const BundlePart> parts);
void encode_bundle(std::span<const BundlePart> parts, std::span<std::byte> bytes);  // of bundle_bytes()

// Pieces lie in `bytes`. An error if the bytes are no bundle of so many senders and receivers.
Result<std::vector<BundlePart>> decode_bundle(std::span<const std::byte> bytes, int32_t num_senders,
                                              int32_t num_receivers);

}  // namespace braid
