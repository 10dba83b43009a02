// Any bytes as a safetensors file: an error or a header whose every tensor lies in the file, never more.
#include <cstdint>

#include "braid/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const auto header = parse_safetensors({reinterpret_cast<const std::byte*>(data), size}, static_cast<int64_t>(size));
  if (!header.ok()) return 0;
  for (const SafetensorsTensor& tensor : header->tensors) {
    int64_t elements = 1;
    for (const int64_t length : tensor.shape) elements *= length;
    CHECK(tensor.offset >= 8 && tensor.offset + tensor.bytes <= static_cast<int64_t>(size));
    CHECK(!tensor.dtype || tensor.bytes == elements * dtype_bytes(*tensor.dtype));
  }
  return 0;
}
