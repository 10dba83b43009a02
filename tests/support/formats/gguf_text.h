// Makes a GGUF file's header from lines of text, so that a fuzzer need not guess lengths, counts and offsets:
//   s KEY TEXT               a string; u, i, q, f, d or b: a uint32, int32, uint64, float32, float64 or bool
//   U KEY VALUE,VALUE        an array of uint32, and so on
//   t NAME TYPE SIZE,SIZE    a tensor: the number of its type; sizes with the columns first
// A key that begins with '.' continues the architecture's name. Other lines are ignored.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/formats/ggml_type.h"
#include "tests/support/formats/gguf_writer.h"

namespace braid::testing {

struct GgufText {
  std::vector<std::byte> head;
  int64_t file_bytes = 0;  // including the tensors' data after the head
};

// The text before `border`; removes both from `text`.
inline std::string_view take_until(char border, std::string_view& text) {
  const size_t end = std::min(text.find(border), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

class GgufTextReader {
 public:
  GgufText read(std::string_view text) {
    while (!text.empty()) add_line(take_until('\n', text));
    GgufWriter head;
    head.preamble(3, num_tensors_, num_keys_).append(keys_).append(tensors_);
    const auto head_bytes = static_cast<int64_t>(head.file().size());
    return {.head = head.file(), .file_bytes = data_end_ == 0 ? head_bytes : aligned(head_bytes) + data_end_};
  }

 private:
  static int64_t aligned(int64_t bytes) { return (bytes + 31) / 32 * 32; }

  template <typename T>
  static T number(std::string_view text) {
    T value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  // The type's number in the file; -1: no such type.
  static int32_t type_of(char kind) {
    constexpr std::string_view kKinds = "....uifbs.q.d";
    const size_t type = kKinds.find(kind);
    return kind == '.' || type == std::string_view::npos ? -1 : static_cast<int32_t>(type);
  }

  void put_value(char kind, std::string_view text) {
    if (kind == 'u') keys_.put(number<uint32_t>(text));
    if (kind == 'i') keys_.put(number<int32_t>(text));
    if (kind == 'f') keys_.put(number<float>(text));
    if (kind == 'b') keys_.put(number<uint8_t>(text));
    if (kind == 's') keys_.text(text);
    if (kind == 'q') keys_.put(number<uint64_t>(text));
    if (kind == 'd') keys_.put(number<double>(text));
  }

  void add_line(std::string_view line) {
    const std::string_view kind = take_until(' ', line);
    const std::string_view name = take_until(' ', line);
    if (kind == "t") return add_tensor(name, line);
    if (kind.size() != 1) return;
    const auto scalar = static_cast<char>(std::tolower(static_cast<unsigned char>(kind[0])));
    const int32_t type = type_of(scalar);
    if (type < 0) return;
    ++num_keys_;
    if (name == "general.architecture") architecture_ = line;
    keys_.text(name.starts_with('.') ? architecture_ + std::string(name) : std::string(name));
    if (scalar == kind[0]) {
      keys_.put(static_cast<uint32_t>(type));
      return put_value(scalar, line);
    }
    constexpr uint32_t kArray = 9;
    const bool is_empty = line.empty();
    const auto count = is_empty ? 0 : std::ranges::count(line, ',') + 1;
    keys_.put(kArray).put(static_cast<uint32_t>(type)).put(static_cast<uint64_t>(count));
    for (int64_t i = 0; i < count; ++i) put_value(scalar, take_until(',', line));
  }

  void add_tensor(std::string_view name, std::string_view line) {
    constexpr int64_t kMostElements = int64_t{1} << 40;
    const auto type = number<uint32_t>(take_until(' ', line));
    const GgmlType* const known = find_ggml_type(type);
    std::vector<uint64_t> sizes;
    int64_t elements = 1;
    while (!line.empty()) {
      const auto size = number<int64_t>(take_until(',', line));
      if (size < 0 || __builtin_mul_overflow(elements, size, &elements) || elements > kMostElements) return;
      sizes.push_back(static_cast<uint64_t>(size));
    }
    ++num_tensors_;
    tensors_.tensor(name, sizes, type, static_cast<uint64_t>(aligned(data_end_)));
    if (known != nullptr) data_end_ = aligned(data_end_) + elements / known->block_elements * known->block_bytes;
  }

  std::string architecture_;
  GgufWriter keys_;
  GgufWriter tensors_;
  uint64_t num_keys_ = 0;
  uint64_t num_tensors_ = 0;
  int64_t data_end_ = 0;  // relative to where the data begins
};

}  // namespace braid::testing
