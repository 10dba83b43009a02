// GroupOutputs as bytes (FlatBuffers, group_outputs.fbs). A group's publisher sends them to the controller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/wire/group_outputs.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

// The limits of outputs; both ends know them from the start.
struct OutputsLimits {
  int64_t max_bytes = int64_t{1} << 28;
  int32_t num_groups = 1;
  int32_t max_outcomes = 0;
  int64_t max_scored = 0;  // scored prompt tokens of all outcomes
  int32_t max_flushes = 1024;
  int32_t max_prefixes = 0;  // in each list of the digest
  int32_t max_kv_groups = 16;
  int32_t max_error_len = 4096;
  int32_t max_moves = 0;  // sequences that left
  int64_t context_len = 0;
  int32_t vocab_size = 0;
};

SharedBytes encode(const GroupOutputs& outputs);

// Returns the outputs, or an error that names the first thing that is wrong with the bytes. Nothing is read before it
// is verified.
Result<GroupOutputs> decode_group_outputs(std::span<const std::byte> bytes, const OutputsLimits& limits);

}  // namespace braid
