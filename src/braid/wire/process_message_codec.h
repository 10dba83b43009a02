// ProcessMessages as bytes (FlatBuffers, process_message.fbs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/wire/process_message.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

struct ProcessMessageLimits {
  int64_t max_bytes = int64_t{1} << 24;
  int32_t max_groups = 4096;
  int32_t max_ranks = 4096;  // of a process
  int32_t max_cpus = 1 << 16;
  int32_t max_text = 1 << 20;  // bytes of a reason
  int32_t max_mask_words = 1 << 20;
};

SharedBytes encode(const ProcessMessage& message);

// Returns the message, or an error that names the first thing that is wrong with the bytes. Nothing is read before it
// is verified.
Result<ProcessMessage> decode_process_message(std::span<const std::byte> bytes,
                                              const ProcessMessageLimits& limits = {});

}  // namespace braid
