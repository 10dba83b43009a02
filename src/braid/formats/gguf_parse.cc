// Reads a GGUF file's header. Tested by gguf_test.cc.
#include <algorithm>

#include "braid/formats/gguf.h"
#include "braid/formats/load.h"

namespace braid {

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> head, int64_t file_bytes)
      : head_(head), file_bytes_(static_cast<uint64_t>(file_bytes)) {}

  // After an error: the file may be fine, and only too few of its bytes are here.
  bool needs_more() const { return needs_more_; }

  Result<GgufFile> parse() {
    uint64_t num_tensors = 0;
    uint64_t num_keys = 0;
    TRY_STATUS(parse_preamble(num_tensors, num_keys));
    for (uint64_t i = 0; i < num_keys; ++i) TRY_STATUS(parse_key());
    TRY_STATUS(read_alignment());
    for (uint64_t i = 0; i < num_tensors; ++i) {
      TRY(GgufTensor tensor, parse_tensor());
      gguf_.tensors_.push_back(std::move(tensor));
    }
    TRY_STATUS(check_layout());
    for (size_t i = 0; i < gguf_.tensors_.size(); ++i) {
      const auto [place, is_new] = gguf_.tensor_index_.emplace(gguf_.tensors_[i].name, i);
      if (!is_new) return fail("the tensor \"{}\" occurs twice", place->first);
    }
    return std::move(gguf_);
  }

 private:
  static constexpr uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;             // name, type, value
  static constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // name, sizes, type, offset
  static constexpr uint64_t kMaxNameBytes = 65535;                    // the specification's limit for keys
  static constexpr int64_t kMaxAlignment = 1 << 20;

  uint64_t remaining() const { return file_bytes_ - at_; }

  // The next bytes, which must lie in the file.
  Result<std::span<const std::byte>> take(uint64_t bytes) {
    if (bytes > head_.size() - at_) {
      needs_more_ = true;
      return fail("the header goes on behind the first {} bytes", head_.size());
    }
    const auto taken = head_.subspan(at_, bytes);
    at_ += bytes;
    return taken;
  }

  template <typename T>
  Result<T> read(std::string_view what) {
    if (remaining() < sizeof(T)) return fail("the file ends in {}", what);
    TRY(const auto bytes, take(sizeof(T)));
    return load<T>(bytes.data());
  }

  Result<std::string_view> read_string(std::string_view what) {
    TRY(const auto length, read<uint64_t>(what));
    if (length > remaining()) {
      return fail("{} has a string of {} bytes, the file has {} more", what, length, remaining());
    }
    TRY(const auto bytes, take(length));
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), length);
  }

  Result<std::string> read_name(std::string_view what) {
    TRY(const auto name, read_string(what));
    if (name.empty() || name.size() > kMaxNameBytes) return fail("{} of {} bytes", what, name.size());
    for (const char c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return fail("{} with a control character", what);
    }
    return std::string(name);
  }

  Status parse_preamble(uint64_t& num_tensors, uint64_t& num_keys) {
    if (remaining() < 4) return fail("not a GGUF file");
    TRY(const auto magic, take(4));
    if (std::memcmp(magic.data(), "GGUF", 4) != 0) return fail("not a GGUF file");
    TRY(const auto version, read<uint32_t>("its version"));
    if (version == 0x02000000 || version == 0x03000000) return fail("a big-endian GGUF file, which is not supported");
    if (version != 2 && version != 3) return fail("version {} of GGUF is not supported, these are: 2, 3", version);
    TRY(num_tensors, read<uint64_t>("its number of tensors"));
    TRY(num_keys, read<uint64_t>("its number of keys"));
    if (num_keys > remaining() / kMinKeyBytes) {
      return fail("{} metadata keys do not fit into the file's {} bytes", num_keys, file_bytes_);
    }
    if (num_tensors > remaining() / kMinTensorBytes) {
      return fail("{} tensors do not fit into the file's {} bytes", num_tensors, file_bytes_);
    }
    return {};
  }

  Status parse_key() {
    TRY(std::string key, read_name("a metadata key"));
    const std::string what = fmt::format("the metadata \"{}\"", key);
    TRY(const auto type, read<uint32_t>(what));
    TRY(GgufValue value, parse_value(type, what));
    const auto [place, is_new] = gguf_.metadata_.emplace(std::move(key), value);
    if (!is_new) return fail("the metadata \"{}\" occurs twice", place->first);
    return {};
  }

  template <typename T, typename Wide>
  Result<GgufValue> parse_number(std::string_view what) {
    TRY(const T value, read<T>(what));
    return GgufValue(static_cast<Wide>(value));
  }

  Result<GgufValue> parse_value(uint32_t type, std::string_view what) {
    switch (static_cast<GgufType>(type)) {
      case GgufType::kUint8:
        return parse_number<uint8_t, uint64_t>(what);
      case GgufType::kInt8:
        return parse_number<int8_t, int64_t>(what);
      case GgufType::kUint16:
        return parse_number<uint16_t, uint64_t>(what);
      case GgufType::kInt16:
        return parse_number<int16_t, int64_t>(what);
      case GgufType::kUint32:
        return parse_number<uint32_t, uint64_t>(what);
      case GgufType::kInt32:
        return parse_number<int32_t, int64_t>(what);
      case GgufType::kUint64:
        return parse_number<uint64_t, uint64_t>(what);
      case GgufType::kInt64:
        return parse_number<int64_t, int64_t>(what);
      case GgufType::kFloat32:
        return parse_number<float, double>(what);
      case GgufType::kFloat64:
        return parse_number<double, double>(what);
      case GgufType::kBool: {
        TRY(const auto value, read<uint8_t>(what));
        if (value > 1) return fail("{} is a bool of value {}", what, value);
        return GgufValue(value == 1);
      }
      case GgufType::kString: {
        TRY(const auto value, read_string(what));
        return GgufValue(value);
      }
      case GgufType::kArray: {
        TRY(const GgufArray array, parse_array(what));
        return GgufValue(array);
      }
    }
    return fail("{} has the unknown type {}", what, type);
  }

  static uint64_t element_bytes(GgufType type) {
    switch (type) {
      case GgufType::kUint8:
      case GgufType::kInt8:
      case GgufType::kBool:
        return 1;
      case GgufType::kUint16:
      case GgufType::kInt16:
        return 2;
      case GgufType::kUint32:
      case GgufType::kInt32:
      case GgufType::kFloat32:
        return 4;
      case GgufType::kUint64:
      case GgufType::kInt64:
      case GgufType::kFloat64:
        return 8;
      case GgufType::kString:
        return 8;  // at least: its length
      case GgufType::kArray:
        break;
    }
    return 0;
  }

  Result<GgufArray> parse_array(std::string_view what) {
    TRY(const auto type, read<uint32_t>(what));
    TRY(const auto count, read<uint64_t>(what));
    if (type == static_cast<uint32_t>(GgufType::kArray)) return fail("{} is an array of arrays: not supported", what);
    if (type > static_cast<uint32_t>(GgufType::kFloat64)) return fail("{} has elements of unknown type {}", what, type);
    GgufArray array;
    array.type = static_cast<GgufType>(type);
    const uint64_t unit = element_bytes(array.type);
    if (count > remaining() / unit) {
      return fail("{} has {} elements, the file has {} more bytes", what, count, remaining());
    }
    array.count = static_cast<int64_t>(count);
    const size_t begin = at_;
    if (array.type == GgufType::kString) {
      for (uint64_t i = 0; i < count; ++i) TRY_STATUS(skip_string(what));
    } else {
      TRY_STATUS(skip(count * unit));
    }
    array.payload = head_.subspan(begin, at_ - begin);
    return array;
  }

  Status skip(uint64_t bytes) {
    const auto taken = take(bytes);
    return taken.ok() ? Status() : Status(taken.error());
  }

  Status skip_string(std::string_view what) {
    const auto text = read_string(what);
    return text.ok() ? Status() : Status(text.error());
  }

  Status read_alignment() {
    TRY(const auto alignment, gguf_.find_int("general.alignment", 1, kMaxAlignment));
    alignment_ = alignment.value_or(32);
    if (alignment_ % 8 != 0) return gguf_.wrong_value("general.alignment", "a multiple of 8");
    return {};
  }

  Result<GgufTensor> parse_tensor() {
    GgufTensor tensor;
    TRY(tensor.name, read_name("a tensor's name"));
    const std::string what = fmt::format("the tensor \"{}\"", tensor.name);
    TRY(const auto num_dims, read<uint32_t>(what));
    if (num_dims < 1 || num_dims > 4) return fail("{} has {} dimensions, must be between 1 and 4", what, num_dims);
    int64_t elements = 1;
    for (uint32_t i = 0; i < num_dims; ++i) {
      TRY(const auto size, read<uint64_t>(what));
      if (size < 1 || size > static_cast<uint64_t>(INT64_MAX) ||
          __builtin_mul_overflow(elements, static_cast<int64_t>(size), &elements)) {
        return fail("{} has a size of {}", what, size);
      }
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
    }
    TRY(const auto type, read<uint32_t>(what));
    tensor.type = find_ggml_type(type);
    if (tensor.type == nullptr) {
      return fail("{} has the unknown type {}, supported are: {}", what, type, supported_ggml_types());
    }
    if (tensor.shape.back() % tensor.type->block_elements != 0) {
      return fail("{} has rows of {}, not a multiple of {}'s blocks of {}", what, tensor.shape.back(),
                  tensor.type->name, tensor.type->block_elements);
    }
    if (__builtin_mul_overflow(elements / tensor.type->block_elements, int64_t{tensor.type->block_bytes},
                               &tensor.bytes)) {
      return fail("{} has {} elements", what, elements);
    }
    TRY(const auto offset, read<uint64_t>(what));
    if (offset > file_bytes_) return fail("{} lies at {}, beyond the file's end", what, offset);
    tensor.offset = static_cast<int64_t>(offset);
    return tensor;
  }

  int64_t aligned(int64_t position) const { return (position + alignment_ - 1) / alignment_ * alignment_; }

  // Each tensor begins at the first multiple of the alignment behind the one before. llama.cpp reads no other files.
  Status check_layout() {
    const auto file_bytes = static_cast<int64_t>(file_bytes_);
    const int64_t data_begin = aligned(static_cast<int64_t>(at_));
    auto& tensors = gguf_.tensors_;
    std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    int64_t at = data_begin;
    int64_t end = data_begin;
    for (GgufTensor& tensor : tensors) {
      tensor.offset += data_begin;
      if (tensor.offset != at) {
        return fail("the tensor \"{}\" lies at {} of the data, must at {}", tensor.name, tensor.offset - data_begin,
                    at - data_begin);
      }
      if (tensor.bytes > file_bytes - tensor.offset) {
        return fail("the tensor \"{}\" ends {} bytes beyond the file: it is cut short, or its header is wrong",
                    tensor.name, tensor.bytes - (file_bytes - tensor.offset));
      }
      end = tensor.offset + tensor.bytes;
      at = aligned(end);
    }
    if (file_bytes > at) return fail("{} bytes at the file's end belong to no tensor", file_bytes - end);
    return {};
  }

  std::span<const std::byte> head_;
  uint64_t file_bytes_;
  size_t at_ = 0;
  bool needs_more_ = false;
  int64_t alignment_ = 32;
  GgufFile gguf_;
};

Result<std::optional<GgufFile>> GgufFile::parse_head(std::span<const std::byte> head, int64_t file_bytes) {
  GgufParser parser(head, file_bytes);
  auto parsed = parser.parse();
  if (parsed.ok()) return std::optional(std::move(parsed).value());
  if (parser.needs_more()) return std::optional<GgufFile>();
  return parsed.error();
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> file) {
  return GgufParser(file, static_cast<int64_t>(file.size())).parse();
}

}  // namespace braid
