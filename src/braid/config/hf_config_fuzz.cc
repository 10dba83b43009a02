// Any bytes as config.json, generation_config.json and an index of weight files: an error, or values within their
// limits.
#include <cstdint>

#include "braid/config/generation_config.h"
#include "braid/config/hf_config.h"
#include "braid/config/weight_files.h"
#include "tests/support/config/check_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto files = parse_weight_index(text); files.ok()) {
    CHECK(!files->names.empty());
    for (const std::string& name : files->names) CHECK(is_plain_file_name(name), "{}", name);
  }
  const auto json = parse_json(text, {.max_bytes = 1 << 20});
  if (!json.ok()) return 0;
  if (const auto config = read_hf_config(*json); config.ok()) testing::check_invariants(*config);
  (void)read_generation_config(*json).ok();
  return 0;
}
