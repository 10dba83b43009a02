// Any bytes as a GGUF file, or lines that describe one (tests/support/formats/gguf_text.h): an error, or a
// configuration within its limits.
#include <cstdint>
#include <string_view>

#include "braid/config/gguf_config.h"
#include "tests/support/config/check_invariants.h"
#include "tests/support/formats/gguf_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  testing::GgufText file;
  if (text.starts_with("GGUF")) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    file = {.head = {bytes, bytes + size}, .file_bytes = static_cast<int64_t>(size)};
  } else {
    file = testing::GgufTextReader().read(text);
  }
  const auto gguf = GgufFile::parse_head(file.head, file.file_bytes);
  if (!gguf.ok()) return 0;
  CHECK(gguf->has_value(), "the whole head was there");
  if (const auto config = read_gguf_config(**gguf); config.ok()) testing::check_invariants(*config);
  (void)read_gguf_generation(**gguf).ok();
  return 0;
}
