// Writes GGUF files for tests, valid or not, field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace braid::testing {

class GgufWriter {
 public:
  template <typename T>
  GgufWriter& put(T value) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(&value);
    file_.insert(file_.end(), bytes, bytes + sizeof value);
    return *this;
  }
  GgufWriter& text(std::string_view text) {
    put<uint64_t>(text.size());
    const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
    file_.insert(file_.end(), bytes, bytes + text.size());
    return *this;
  }
  GgufWriter& preamble(uint32_t version, uint64_t num_tensors, uint64_t num_keys) {
    return put<uint32_t>(0x46554747).put(version).put(num_tensors).put(num_keys);
  }
  GgufWriter& number_key(std::string_view key, uint32_t value) { return text(key).put<uint32_t>(4).put(value); }
  GgufWriter& tensor(std::string_view name, std::vector<uint64_t> sizes, uint32_t type, uint64_t offset) {
    text(name).put(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) put(size);
    return put(type).put(offset);
  }
  GgufWriter& data(size_t bytes, std::byte value = std::byte(0)) {
    file_.resize((file_.size() + 31) / 32 * 32);
    file_.resize(file_.size() + bytes, value);
    return *this;
  }

  GgufWriter& append(const GgufWriter& other) {
    file_.insert(file_.end(), other.file_.begin(), other.file_.end());
    return *this;
  }

  const std::vector<std::byte>& file() const { return file_; }

 private:
  std::vector<std::byte> file_;
};

}  // namespace braid::testing
