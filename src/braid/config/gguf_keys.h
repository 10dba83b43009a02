// A GGUF file's metadata under its architecture's name, and the architectures that braid knows. Tested by
// gguf_config_test.cc and gguf_architectures_test.cc.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/config/layer_windows.h"
#include "braid/config/model_config.h"
#include "braid/formats/gguf.h"

namespace braid {

// Reads keys under the architecture's name: "llama.block_count".
class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string name) : file_(file), prefix_(std::move(name) + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  bool has(std::string_view key) const { return file_.has(full(key)); }
  Result<std::optional<double>> find_double(std::string_view key) const { return file_.find_double(full(key)); }
  Result<std::optional<bool>> find_bool(std::string_view key) const { return file_.find_bool(full(key)); }
  Result<std::optional<std::string>> find_string(std::string_view key) const { return file_.find_string(full(key)); }
  Error wrong_value(std::string_view key, std::string_view must_be) const {
    return file_.wrong_value(full(key), must_be);
  }

  // One number, or an array with the same number for every layer.
  Result<std::optional<int64_t>> find_int(std::string_view key) const {
    if (const auto numbers = file_.find_ints(full(key)); numbers.ok() && numbers->has_value()) {
      const auto& values = **numbers;
      if (values.empty() || std::any_of(values.begin(), values.end(), [&](int32_t v) { return v != values[0]; })) {
        return fail("\"{}\" differs between layers, which is not supported", full(key));
      }
      if (values[0] < 0) return fail("\"{}\" is {} in every layer, must be at least 0", full(key), values[0]);
      return std::optional<int64_t>(values[0]);
    }
    return file_.find_int(full(key), 0, kMaxInt32);
  }

  Result<int32_t> get_int32(std::string_view key) const {
    TRY(const auto found, find_int(key));
    if (!found) return fail("the metadata \"{}\" is missing", full(key));
    return static_cast<int32_t>(*found);
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

// Whether layer `layer` has the tensor `name` ("ffn_gate.bias").
bool has_tensor_in_layer(const GgufFile& file, int32_t layer, std::string_view name);

struct GgufArchitecture {
  std::string_view gguf;
  std::string_view dense;         // class of a model without experts; empty: it must have some
  std::string_view with_experts;  // class of a model with experts; empty: it cannot have any
  // Reads the keys that only this architecture has; null: none.
  Status (*read_own)(const GgufFile& file, const GgufKeys& keys, ModelConfig& config) = nullptr;
  // Query and key rows are stored with the halves of each head interleaved, as llama.cpp rotates them.
  bool interleaves_heads = false;
  // Which layers have the window of attention.sliding_window, and the window if there is no such key. Keys may override
  // it.
  WindowRule windows = {};
  // Keys that read_own reads. Other architectures may not have them.
  std::span<const std::string_view> own_keys = {};
};

// Null: unknown.
const GgufArchitecture* find_gguf_architecture(std::string_view name);

// "llama, qwen2, …"
std::string known_gguf_architectures();

// Fills config.layer_windows and has_local_rope. `config` must have its number of layers, its context and has_rope.
Status read_gguf_windows(const GgufFile& file, const GgufKeys& keys, WindowRule rule, ModelConfig& config);

// Fills config.rope. `config` must have head_dim and max_position.
Status read_gguf_rope(const GgufFile& file, const GgufKeys& keys, ModelConfig& config);

}  // namespace braid
