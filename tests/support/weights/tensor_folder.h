// A Hugging Face directory made of single tensors, for tests of how checkpoints are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "braid/weights/checkpoint.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {

struct TensorFile {
  struct Tensor {
    std::string dtype;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Tensor> tensors;

  template <typename T>
  void add(const std::string& name, const std::string& dtype, std::vector<int64_t> shape,
           const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    tensors[name] = {.dtype = dtype, .shape = std::move(shape), .bytes = std::move(bytes)};
  }

  // Opens the tensors as the checkpoint of a Llama with this quantization_config ("": none).
  Result<Checkpoint> open(const TemporaryFolder& folder, const std::string& quantization) const {
    std::ofstream(folder.path() / "config.json")
        << R"({"architectures": ["LlamaForCausalLM"])"
        << (quantization.empty() ? "" : ", \"quantization_config\": " + quantization) << "}";
    nlohmann::json header = nlohmann::json::object();
    size_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
      header[name] = {
          {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes.size()}}};
      offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    const uint64_t size = text.size();
    std::ofstream out(folder.path() / "model.safetensors", std::ios::binary);
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out << text;
    for (const auto& [name, tensor] : tensors) {
      out.write(reinterpret_cast<const char*>(tensor.bytes.data()), static_cast<std::streamsize>(tensor.bytes.size()));
    }
    out.close();
    return Checkpoint::open({.kind = ResolvedModel::Kind::kDirectory, .path = folder.path().string()});
  }
};

}  // namespace braid::testing
