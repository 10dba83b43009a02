// libFuzzer: any bytes are refused, or decode to outputs that survive encoding and decoding.
#include "braid/base/check.h"
#include "braid/wire/group_outputs_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const braid::OutputsLimits limits{.max_bytes = 1 << 20,
                                    .num_groups = 4,
                                    .max_outcomes = 16,
                                    .max_scored = 256,
                                    .max_flushes = 4,
                                    .max_prefixes = 64,
                                    .max_error_len = 256,
                                    .max_moves = 4,
                                    .context_len = 1024,
                                    .vocab_size = 1000};
  const auto outputs = braid::decode_group_outputs(std::as_bytes(std::span(data, size)), limits);
  if (!outputs.ok()) return 0;
  const auto again = braid::decode_group_outputs(braid::encode(outputs.value()).span(), limits);
  CHECK(again.ok() && again.value() == outputs.value());
  return 0;
}
