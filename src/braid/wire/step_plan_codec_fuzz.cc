// libFuzzer: any bytes are refused, or decode to a plan that survives encoding and decoding.
#include "braid/base/check.h"
#include "braid/wire/step_plan_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const braid::StepPlanLimits limits{.max_bytes = 1 << 20,
                                     .max_sequences = 16,
                                     .max_step_tokens = 256,
                                     .context_len = 1024,
                                     .vocab_size = 1000,
                                     .page_size = 16,
                                     .kv_groups = {{.num_pages = 128}, {.window = 40, .num_pages = 64}},
                                     .num_groups = 4,
                                     .max_moves = 4};
  const auto plan = braid::decode_step_plan(std::as_bytes(std::span(data, size)), limits);
  if (!plan.ok()) return 0;
  const auto again = braid::decode_step_plan(braid::encode(plan.value()), limits);
  CHECK(again.ok() && again.value() == plan.value());
  return 0;
}
