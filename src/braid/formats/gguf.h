// The header of a GGUF file, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata by
// key, and the place of each tensor. Every count is checked against the file's size before anything is allocated for
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/ggml_type.h"

namespace braid {

enum class GgufType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

// Elements as stored in the file, checked to lie inside it.
struct GgufArray {
  GgufType type = GgufType::kUint8;  // never kArray
  int64_t count = 0;
  std::span<const std::byte> payload;
};

using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // slowest dimension first, as in PyTorch (the file has them reversed)
  const GgmlType* type = nullptr;
  int32_t part = 0;    // the file's number where there are several (gguf_parts.h)
  int64_t offset = 0;  // from the start of that part
  int64_t bytes = 0;
};

// Points into the header's bytes, which must outlive it. Errors do not name the file. `find_…` returns nothing for an
// absent key and an error for a key of another type.
class GgufFile {
 public:
  // `head`: the first bytes of a file of `file_bytes` bytes. Returns nothing if the header is longer than `head`.
  static Result<std::optional<GgufFile>> parse_head(std::span<const std::byte> head, int64_t file_bytes);
  // A whole file.
  static Result<GgufFile> parse(std::span<const std::byte> file);

  // Adds the tensors of part `number` of the same model. A tensor that is already there is an error.
  Status append_part(GgufFile part, int32_t number);

  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // by part and offset
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const GgufTensor* find_tensor(std::string_view name) const;

  bool has(std::string_view key) const { return metadata_.contains(key); }
  Result<std::optional<int64_t>> find_int(std::string_view key, int64_t min, int64_t max) const;
  Result<std::optional<double>> find_double(std::string_view key) const;  // integers too; always finite
  Result<std::optional<bool>> find_bool(std::string_view key) const;
  Result<std::optional<std::string>> find_string(std::string_view key) const;
  Result<std::optional<std::vector<std::string>>> find_strings(std::string_view key) const;
  Result<std::optional<std::vector<int32_t>>> find_ints(std::string_view key) const;
  Result<std::optional<std::vector<bool>>> find_bools(std::string_view key) const;
  Result<std::optional<std::vector<float>>> find_floats(std::string_view key) const;

  // "llama.block_count" is 0, must be between 1 and 4096
  Error wrong_value(std::string_view key, std::string_view must_be) const;

 private:
  friend class GgufParser;

  const GgufValue* find(std::string_view key) const;
  Result<const GgufArray*> find_array(std::string_view key, std::span<const GgufType> types,
                                      std::string_view must_be) const;

  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, size_t, std::less<>> tensor_index_;  // by name
};

}  // namespace braid
