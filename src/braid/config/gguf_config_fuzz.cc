// Any bytes as a GGUF file's metadata: an error or a configuration within its limits.
#include <cstdint>

#include "braid/config/gguf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const auto gguf = GgufFile::parse({reinterpret_cast<const std::byte*>(data), size});
  if (!gguf.ok()) return 0;
  if (const auto config = read_gguf_config(*gguf); config.ok()) {
    CHECK(check_model_config(*config, "again").ok());
  }
  (void)read_gguf_generation(*gguf).ok();
  return 0;
}
