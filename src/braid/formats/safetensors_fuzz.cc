// Any bytes as a safetensors file: an error, or a header whose tensors cover the rest of the file. Parsing the header
// alone gives the same.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "braid/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const auto file_bytes = static_cast<int64_t>(size);
  const auto header = parse_safetensors(file, file_bytes);
  if (!header.ok()) return 0;
  uint64_t text_bytes = 0;
  std::memcpy(&text_bytes, data, sizeof text_bytes);
  const auto data_begin = static_cast<int64_t>(sizeof text_bytes + text_bytes);
  int64_t at = data_begin;
  for (const SafetensorsTensor& tensor : header->tensors) {
    int64_t elements = 1;
    for (const int64_t length : tensor.shape) elements *= length;
    CHECK(tensor.offset == at && tensor.bytes >= 0);
    CHECK(!tensor.dtype || tensor.bytes == elements * dtype_bytes(*tensor.dtype));
    at += tensor.bytes;
  }
  CHECK(at == file_bytes, "{} of {} bytes", at, file_bytes);
  const std::vector<std::byte> head(file.begin(), file.begin() + data_begin);
  const auto again = parse_safetensors(head, file_bytes);
  CHECK(again.ok() && again->tensors.size() == header->tensors.size());
  return 0;
}
