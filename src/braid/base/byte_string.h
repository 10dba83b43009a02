// Numbers in a string of bytes: as they lie in memory, without padding between them. Tested by byte_string_test.cc.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace braid {

static_assert(std::endian::native == std::endian::little, "numbers travel as they are");

// A number, or a struct of numbers whose sizes leave no gap.
template <typename T>
concept Packable = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

template <Packable T>
void append_bytes(std::string& bytes, const T& value) {
  const size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  std::memcpy(&bytes[at], &value, sizeof(T));
}

// Takes a value from the front of the bytes. False, with nothing taken, if they are too few.
template <Packable T>
[[nodiscard]] bool take_bytes(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(T)) return false;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}

}  // namespace braid
