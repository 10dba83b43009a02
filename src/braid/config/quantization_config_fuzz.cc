// Any bytes as a quantization_config: an error of one line, or schemes within their limits.
#include <cstdint>

#include "braid/config/quantization_config.h"
#include "tests/support/config/check_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, {.max_bytes = 1 << 20});
  if (!json.ok()) return 0;
  const auto object = JsonObject::of(*json, "quantization_config");
  if (!object.ok()) return 0;
  for (const char* const extra : {"", "mxfp4"}) {
    const auto config = read_quantization_config(*object, extra);
    if (config.ok()) {
      testing::check_quantization_invariants(*config);
    } else {
      CHECK(!config.error().message.empty());
    }
  }
  return 0;
}
