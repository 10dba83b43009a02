// Any bytes as config.json and generation_config.json: an error or a configuration within its limits.
#include <cstdint>

#include "braid/config/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, {.max_bytes = 1 << 20});
  if (!json.ok()) return 0;
  if (const auto config = read_hf_config(*json); config.ok()) {
    CHECK(check_model_config(*config, "again").ok());
    CHECK(config->num_heads % config->num_kv_heads == 0 && config->num_layers >= 1);
  }
  (void)read_generation_config(*json).ok();
  return 0;
}
