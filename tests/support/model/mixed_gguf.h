// A GGUF file from a seed whose feed-forward blocks mix types: gate, up and down of a layer, and one layer and the
// next.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/tensor/float16.h"
#include "tests/support/formats/gguf_writer.h"

namespace braid::testing {

// ggml's numbers of types.
enum class MixedType : uint32_t { kF32 = 0, kQ4_0 = 2, kQ8_0 = 8, kQ4_K = 12, kQ5_K = 13, kQ6_K = 14 };

struct MixedLayer {
  MixedType gate, up, down;
};

struct MixedGguf {
  bool has_experts = true;
  std::vector<MixedLayer> layers;

  static constexpr uint64_t kHidden = 256;
  static constexpr uint64_t kFfn = 256;
  static constexpr uint64_t kHeadDim = 64;
  static constexpr uint64_t kHeads = 4;
  static constexpr uint64_t kVocab = 75;
  static constexpr uint64_t kExperts = 4;
};

class MixedGgufWriter {
 public:
  MixedGgufWriter(const MixedGguf& file, uint32_t seed) : file_(file), random_(seed) {}

  void write(const std::filesystem::path& path) {
    const auto width = MixedGguf::kHeads * MixedGguf::kHeadDim;
    add("token_embd.weight", {MixedGguf::kHidden, MixedGguf::kVocab}, MixedType::kF32);
    add("output.weight", {MixedGguf::kHidden, MixedGguf::kVocab}, MixedType::kF32);
    add("output_norm.weight", {MixedGguf::kHidden}, MixedType::kF32);
    for (size_t layer = 0; layer < file_.layers.size(); ++layer) {
      prefix_ = "blk." + std::to_string(layer) + ".";
      add("attn_norm.weight", {MixedGguf::kHidden}, MixedType::kF32);
      add("ffn_norm.weight", {MixedGguf::kHidden}, MixedType::kF32);
      add("attn_q_norm.weight", {MixedGguf::kHeadDim}, MixedType::kF32);
      add("attn_k_norm.weight", {MixedGguf::kHeadDim}, MixedType::kF32);
      for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight"}) {
        add(name, {MixedGguf::kHidden, width}, MixedType::kF32);
      }
      add("attn_output.weight", {width, MixedGguf::kHidden}, MixedType::kF32);
      if (file_.has_experts) add("ffn_gate_inp.weight", {MixedGguf::kHidden, MixedGguf::kExperts}, MixedType::kF32);
      add_ffn("ffn_gate", MixedGguf::kHidden, MixedGguf::kFfn, file_.layers[layer].gate);
      add_ffn("ffn_up", MixedGguf::kHidden, MixedGguf::kFfn, file_.layers[layer].up);
      add_ffn("ffn_down", MixedGguf::kFfn, MixedGguf::kHidden, file_.layers[layer].down);
    }
    const GgufWriter head = header();
    std::ofstream out(path, std::ios::binary);
    const auto put = [&](const std::vector<std::byte>& bytes) {
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    };
    put(GgufWriter(head).data(0).file());
    put(data_);
    CHECK(out.good());
  }

 private:
  struct Tensor {
    std::string name;
    std::vector<uint64_t> sizes;
    MixedType type;
    uint64_t offset;
  };

  GgufWriter header() const {
    const std::string arch = file_.has_experts ? "qwen3moe" : "qwen3";
    std::vector<std::pair<std::string, uint32_t>> keys = {
        {"embedding_length", MixedGguf::kHidden},      {"block_count", file_.layers.size()},
        {"attention.head_count", MixedGguf::kHeads},   {"attention.head_count_kv", MixedGguf::kHeads},
        {"attention.key_length", MixedGguf::kHeadDim}, {"context_length", 256},
        {"feed_forward_length", MixedGguf::kFfn}};
    if (file_.has_experts) {
      keys.insert(keys.end(), {{"expert_count", MixedGguf::kExperts},
                               {"expert_used_count", 2},
                               {"expert_feed_forward_length", MixedGguf::kFfn}});
    }
    GgufWriter head;
    head.preamble(3, tensors_.size(), keys.size() + 3).text("general.architecture").put<uint32_t>(8).text(arch);
    for (const auto& [key, value] : keys) head.number_key(arch + "." + key, value);
    constexpr uint32_t kFloatKey = 6;
    head.text(arch + ".attention.layer_norm_rms_epsilon").put(kFloatKey).put(1e-5F);
    head.text(arch + ".rope.freq_base").put(kFloatKey).put(10000.0F);
    for (const Tensor& tensor : tensors_) {
      head.tensor(tensor.name, tensor.sizes, static_cast<uint32_t>(tensor.type), tensor.offset);
    }
    return head;
  }

  void add_ffn(const std::string& name, uint64_t cols, uint64_t rows, MixedType type) {
    if (file_.has_experts) {
      add(name + "_exps.weight", {cols, rows, MixedGguf::kExperts}, type);
    } else {
      add(name + ".weight", {cols, rows}, type);
    }
  }

  void add(const std::string& name, std::vector<uint64_t> sizes, MixedType type) {
    uint64_t count = 1;
    for (const uint64_t size : sizes) count *= size;
    tensors_.push_back({prefix_ + name, sizes, type, data_.size()});
    if (type == MixedType::kF32) {
      const float mean = sizes.size() == 1 ? 1.0F : 0.0F;
      for (uint64_t i = 0; i < count; ++i) put(mean + std::normal_distribution<float>(0, 1.0F / 16)(random_));
      return;
    }
    switch (type) {
      case MixedType::kQ4_0:
        return add_blocks(count / 32, {{0, 1.0F / 70}}, 18);
      case MixedType::kQ8_0:
        return add_blocks(count / 32, {{0, 1.0F / 1100}}, 34);
      case MixedType::kQ4_K:
        return add_blocks(count / 256, {{0, 1.0F / 4000}, {2, 1.0F / 500}}, 144);
      case MixedType::kQ5_K:
        return add_blocks(count / 256, {{0, 1.0F / 8000}, {2, 1.0F / 500}}, 176);
      default:
        return add_blocks(count / 256, {{208, 1.0F / 20000}}, 210);
    }
  }

  struct Scale {
    size_t at;
    float value;
  };

  // Blocks of random bytes but for their float16 scales.
  void add_blocks(uint64_t count, const std::vector<Scale>& scales, size_t block_bytes) {
    std::vector<std::byte> block(block_bytes);
    for (uint64_t i = 0; i < count; ++i) {
      for (std::byte& byte : block) byte = static_cast<std::byte>(random_() & 0xffU);
      for (const Scale& scale : scales) {
        const Float16 value = to_float16(scale.value * std::uniform_real_distribution<float>(0.5F, 1.5F)(random_));
        std::memcpy(block.data() + scale.at, &value, sizeof(value));
      }
      data_.insert(data_.end(), block.begin(), block.end());
    }
    CHECK(data_.size() % 32 == 0, "the next tensor would not be aligned");
  }

  void put(float value) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(&value);
    data_.insert(data_.end(), bytes, bytes + sizeof value);
  }

  const MixedGguf& file_;
  std::mt19937 random_;
  std::string prefix_;
  std::vector<Tensor> tensors_;
  std::vector<std::byte> data_;
};

}  // namespace braid::testing
