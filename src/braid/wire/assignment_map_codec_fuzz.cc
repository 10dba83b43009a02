// libFuzzer: any bytes are refused, or decode to commands that survive encoding and decoding, for every group.
#include "braid/base/check.h"
#include "braid/wire/assignment_map_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const braid::AssignmentLimits limits{.max_bytes = 1 << 20,
                                       .num_groups = 4,
                                       .max_requests = 16,
                                       .max_ended = 16,
                                       .max_prompt_len = 1024,
                                       .context_len = 1024,
                                       .max_moves = 4,
                                       .vocab_size = 1000};
  for (int32_t group = 0; group < limits.num_groups; ++group) {
    const auto part = braid::decode_assignment(std::as_bytes(std::span(data, size)), group, limits);
    if (!part.ok()) continue;
    const braid::AssignmentMap map{.sequence = part.value().sequence, .commands = {part.value().command}};
    const auto again = braid::decode_assignment(braid::encode(map).span(), group, limits);
    CHECK(again.ok() && again.value() == part.value());
  }
  return 0;
}
