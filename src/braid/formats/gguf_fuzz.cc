// Any bytes as a GGUF file: an error, or a header with every tensor inside the file.
#include <cstdint>
#include <vector>

#include "braid/formats/gguf.h"
#include "braid/formats/gguf_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace braid;
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const auto gguf = GgufFile::parse(file);
  // A header parsed from the first half equals the header parsed from all bytes, unless the half is too short.
  const auto head = GgufFile::parse_head(file.first(size / 2), static_cast<int64_t>(size));
  CHECK(gguf.ok() || !head.ok() || !head->has_value());
  if (gguf.ok()) CHECK(head.ok() && (!head->has_value() || (*head)->tensors().size() == gguf->tensors().size()));
  if (!gguf.ok()) return 0;
  for (const GgufTensor& tensor : gguf->tensors()) {
    CHECK(tensor.offset + tensor.bytes <= static_cast<int64_t>(size));
    const int64_t blocks = tensor.bytes / tensor.type->block_bytes;
    std::vector<float> values(static_cast<size_t>(blocks * tensor.type->block_elements));
    if (tensor.type->to_float != nullptr) tensor.type->to_float(file.data() + tensor.offset, blocks, values.data());
  }
  for (const auto& [key, value] : gguf->metadata()) {
    (void)gguf->find_strings(key).ok();
    (void)gguf->find_floats(key).ok();
    (void)gguf->find_ints(key).ok();
    (void)gguf->find_int(key, 0, 1).ok();
    (void)gguf->find_double(key).ok();
    (void)gguf->find_bool(key).ok();
    (void)gguf->find_bools(key).ok();
    (void)gguf->find_string(key).ok();
  }
  (void)check_is_first_part(*gguf, "model-00002-of-00003.gguf").ok();
  GgufFile whole = *gguf;
  CHECK(whole.append_part(*gguf, 1).ok() == gguf->tensors().empty(), "tensors that are there already");
  return 0;
}
