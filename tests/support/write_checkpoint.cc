// Writes a fixture's checkpoint as a Hugging Face directory: config.json and safetensors files. Tested by
// model_fixture_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "braid/base/check.h"
#include "tests/support/model_fixture.h"
#include "tests/support/seeded_weights.h"

namespace braid::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

int64_t num_elements(const FixtureTensor& tensor) {
  int64_t count = 1;
  for (const int64_t dim : tensor.shape) count *= dim;
  return count;
}

std::string dtype_code(const FixtureTensor& tensor) {
  if (!tensor.type.empty()) return tensor.type;
  if (tensor.bytes) return "U8";
  if (tensor.dtype == DType::kFloat32) return "F32";
  return tensor.dtype == DType::kFloat16 ? "F16" : "BF16";
}

std::vector<std::byte> bytes_of(uint64_t seed, const FixtureTensor& tensor) {
  const uint64_t key = seeded_key(seed, tensor.seeded_as);
  const int64_t count = num_elements(tensor) * tensor.element_bytes();
  if (!tensor.values.empty()) {
    std::vector<std::byte> bytes;
    for (const int64_t value : tensor.values) {
      const auto* const from = reinterpret_cast<const std::byte*>(&value);  // little-endian: the low bytes come first
      bytes.insert(bytes.end(), from, from + tensor.element_bytes());
    }
    CHECK(static_cast<int64_t>(bytes.size()) == count, "{}", tensor.name);
    return bytes;
  }
  if (tensor.bytes) {
    const FixtureTensor::Bytes& range = *tensor.bytes;
    return seeded_bytes_within(key, count, range.low, range.high, range.is_signed);
  }
  return seeded_bytes(key, num_elements(tensor), tensor.scale, tensor.offset, tensor.dtype);
}

void write_safetensors(const fs::path& file, uint64_t seed, std::span<const FixtureTensor> tensors) {
  json header = {{"__metadata__", {{"format", "pt"}}}};
  int64_t offset = 0;
  for (const FixtureTensor& tensor : tensors) {
    const int64_t end = offset + num_elements(tensor) * tensor.element_bytes();
    header[tensor.name] = {{"dtype", dtype_code(tensor)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t size = text.size();
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&size), sizeof(size));
  out << text;
  for (const FixtureTensor& tensor : tensors) {
    const auto bytes = bytes_of(seed, tensor);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  out.close();
  CHECK(out.good(), "cannot write {}", file.string());
}

void write_shards(const ModelFixture& fixture, const fs::path& folder, int num_shards) {
  const std::span<const FixtureTensor> tensors = fixture.tensors;
  json map = json::object();
  const auto shards = static_cast<size_t>(num_shards);
  for (size_t shard = 0; shard < shards; ++shard) {
    const size_t begin = tensors.size() * shard / shards;
    const size_t end = tensors.size() * (shard + 1) / shards;
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards);
    write_safetensors(folder / name, fixture.seed, tensors.subspan(begin, end - begin));
    for (const FixtureTensor& tensor : tensors.subspan(begin, end - begin)) map[tensor.name] = name;
  }
  std::ofstream out(folder / "model.safetensors.index.json");
  out << json({{"metadata", {{"total_size", 0}}}, {"weight_map", map}}).dump(2) << '\n';
}

}  // namespace

void write_checkpoint(const ModelFixture& fixture, const fs::path& folder, const CheckpointOptions& options) {
  CHECK(!fixture.tensors.empty(), "{} has no weights out of a seed", fixture.name);
  fs::copy_file(fixture.folder / "config.json", folder / "config.json", fs::copy_options::overwrite_existing);
  if (options.num_shards == 1) {
    write_safetensors(folder / "model.safetensors", fixture.seed, fixture.tensors);
  } else {
    write_shards(fixture, folder, options.num_shards);
  }
}

}  // namespace braid::testing
