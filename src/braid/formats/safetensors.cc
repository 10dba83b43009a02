#include "braid/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/formats/load.h"

namespace braid {
namespace {

constexpr int64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr size_t kMaxDims = 16;
constexpr size_t kLengthBytes = sizeof(uint64_t);

struct StoredDType {
  std::string_view name;
  int64_t bits;
  std::optional<DType> usable;
};

constexpr std::array<StoredDType, 20> kDTypes = {{
    {"F32", 32, DType::kFloat32},
    {"BF16", 16, DType::kBFloat16},
    {"F16", 16, DType::kFloat16},
    {"F64", 64, {}},
    {"I64", 64, {}},
    {"U64", 64, {}},
    {"I32", 32, {}},
    {"U32", 32, {}},
    {"I16", 16, {}},
    {"U16", 16, {}},
    {"I8", 8, {}},
    {"U8", 8, {}},
    {"BOOL", 8, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
    {"C64", 64, {}},
}};

Result<const StoredDType*> find_dtype(const std::string& tensor, const std::string& name) {
  for (const StoredDType& dtype : kDTypes) {
    if (dtype.name == name) return &dtype;
  }
  return fail("tensor \"{}\" has the unknown dtype \"{}\"", tensor, name.substr(0, 40));
}

Result<SafetensorsTensor> parse_tensor(const std::string& name, const Json& entry, int64_t data_begin,
                                       int64_t data_bytes) {
  TRY(const auto object, JsonObject::of(entry, fmt::format("tensor \"{}\"", name)));
  SafetensorsTensor tensor;
  tensor.name = name;
  TRY(tensor.dtype_name, object.get_string("dtype"));
  TRY(const StoredDType* const dtype, find_dtype(name, tensor.dtype_name));
  tensor.dtype = dtype->usable;

  TRY(auto shape, object.find_ints("shape"));
  if (!shape || shape->size() > kMaxDims) return object.wrong_value("shape", "an array of at most 16 sizes");
  int64_t bits = dtype->bits;
  for (const int64_t size : *shape) {
    if (size < 0) return object.wrong_value("shape", "sizes of at least 0");
    if (__builtin_mul_overflow(bits, size, &bits))
      return object.wrong_value("shape", "sizes whose product fits into 63 bits");
  }
  tensor.shape = *std::move(shape);
  tensor.bytes = bits / 8;

  TRY(const auto offsets, object.find_ints("data_offsets"));
  if (!offsets || offsets->size() != 2) return object.wrong_value("data_offsets", "two integers");
  const int64_t begin = (*offsets)[0];
  const int64_t end = (*offsets)[1];
  if (begin < 0 || end < begin || end > data_bytes) {
    return fail("tensor \"{}\" lies at [{}, {}) of {} bytes of data: the file is cut short, or its header is wrong",
                name, begin, end, data_bytes);
  }
  if (bits % 8 != 0 || end - begin != tensor.bytes) {
    return fail("tensor \"{}\" of shape {} and dtype {} needs {} bytes, its offsets say {}", name,
                json_excerpt(*object.find("shape")), tensor.dtype_name, tensor.bytes, end - begin);
  }
  tensor.offset = data_begin + begin;
  return tensor;
}

Status check_layout(const std::vector<SafetensorsTensor>& tensors, int64_t data_begin, int64_t file_bytes) {
  int64_t at = data_begin;
  for (const SafetensorsTensor& tensor : tensors) {
    if (tensor.offset < at) return fail("tensor \"{}\" overlaps the tensor before it", tensor.name);
    if (tensor.offset > at)
      return fail("{} bytes before tensor \"{}\" belong to no tensor", tensor.offset - at, tensor.name);
    at += tensor.bytes;
  }
  if (at != file_bytes) return fail("{} bytes at the end belong to no tensor", file_bytes - at);
  return {};
}

// Returns where the header ends.
Result<int64_t> find_data(std::span<const std::byte> head, int64_t file_bytes) {
  if (head.size() < kLengthBytes) return fail("{} bytes are too few for a safetensors file", file_bytes);
  const auto header_bytes = load<uint64_t>(head.data());
  if (header_bytes > static_cast<uint64_t>(kMaxHeaderBytes)) {
    return fail("a header of {} bytes, at most {} are read: not a safetensors file?", header_bytes, kMaxHeaderBytes);
  }
  const int64_t data_begin = static_cast<int64_t>(kLengthBytes + header_bytes);
  if (data_begin > file_bytes) {
    return fail("a header of {} bytes in a file of {}: the file is cut short", header_bytes, file_bytes);
  }
  return data_begin;
}

}  // namespace

Result<SafetensorsHeader> read_safetensors(const InputFile& file) {
  TRY(const auto length, file.read_head(kLengthBytes));
  const auto data_begin = find_data(length, file.bytes());
  if (!data_begin.ok()) return fail("{}: {}", file.name(), data_begin.error().message);
  TRY(const auto head, file.read_head(*data_begin));
  auto header = parse_safetensors(head, file.bytes());
  if (!header.ok()) return fail("{}: {}", file.name(), header.error().message);
  return header;
}

Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> head, int64_t file_bytes) {
  TRY(const int64_t data_begin, find_data(head, file_bytes));
  CHECK(static_cast<int64_t>(head.size()) >= data_begin, "{} bytes of a header of {}", head.size(), data_begin);
  const std::string_view text(reinterpret_cast<const char*>(head.data()) + kLengthBytes,
                              static_cast<size_t>(data_begin) - kLengthBytes);
  auto parsed = parse_json(text, {.max_bytes = kMaxHeaderBytes, .max_depth = 8, .unique_keys = true});
  if (!parsed.ok()) return fail("header: {}", parsed.error().message);
  TRY(const auto root, JsonObject::of(*parsed, "header"));

  SafetensorsHeader header;
  for (const auto& [name, entry] : root.json().items()) {
    if (name != "__metadata__") {
      TRY(auto tensor, parse_tensor(name, entry, data_begin, file_bytes - data_begin));
      header.tensors.push_back(std::move(tensor));
      continue;
    }
    TRY(const auto metadata, JsonObject::of(entry, "header: __metadata__"));
    for (const auto& [key, value] : metadata.json().items()) {
      if (!value.is_string()) return metadata.wrong_value(key, "a string");
      header.metadata.emplace_back(key, value.get<std::string>());
    }
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);  // an empty tensor comes before its neighbour
  });
  TRY_STATUS(check_layout(header.tensors, data_begin, file_bytes));
  return header;
}

}  // namespace braid
