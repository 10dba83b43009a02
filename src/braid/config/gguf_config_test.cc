#include "braid/config/gguf_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/support/formats/gguf_text.h"

namespace braid {
namespace {

// A file with metadata and an embedding of 32 tokens.
class MetadataWriter {
 public:
  explicit MetadataWriter(std::string architecture) : architecture_(std::move(architecture)) {
    put_text(architecture_, begin("general.architecture", 8));
    for (const auto& [key, value] : std::map<std::string, uint32_t>{{"embedding_length", 64},
                                                                    {"block_count", 4},
                                                                    {"attention.head_count", 2},
                                                                    {"context_length", 512},
                                                                    {"feed_forward_length", 96}}) {
      number(key, value);
    }
    real("attention.layer_norm_rms_epsilon", 1e-6F);
  }

  MetadataWriter& number(const std::string& key, uint32_t value) { return set(key, 4, value); }
  MetadataWriter& real(const std::string& key, float value) { return set(key, 6, value); }
  MetadataWriter& bools(const std::string& key, const std::vector<bool>& values) {
    std::vector<std::byte>& to = begin(architecture_ + "." + key, 9);
    put(uint32_t{7}, to);
    put(uint64_t{values.size()}, to);
    for (const bool value : values) put(static_cast<uint8_t>(value ? 1 : 0), to);
    return *this;
  }

  Result<ModelConfig> read() const {
    std::vector<std::byte> file;
    for (const char c : std::string_view("GGUF")) put(c, file);
    put(uint32_t{3}, file);
    put(uint64_t{1}, file);
    put(uint64_t{values_.size()}, file);
    for (const auto& [key, value] : values_) {
      put_text(key, file);
      file.insert(file.end(), value.begin(), value.end());
    }
    put_text("token_embd.weight", file);
    put(uint32_t{2}, file);
    put(uint64_t{64}, file);
    put(uint64_t{32}, file);
    put(uint32_t{0}, file);
    put(uint64_t{0}, file);
    file.resize((file.size() + 31) / 32 * 32 + size_t{32} * 64 * sizeof(float));
    TRY(const GgufFile gguf, GgufFile::parse(file));
    return read_gguf_config(gguf);
  }

 private:
  template <typename T>
  static void put(T value, std::vector<std::byte>& to) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(&value);
    to.insert(to.end(), bytes, bytes + sizeof value);
  }
  static void put_text(std::string_view text, std::vector<std::byte>& to) {
    put(uint64_t{text.size()}, to);
    for (const char c : text) put(c, to);
  }
  std::vector<std::byte>& begin(const std::string& key, uint32_t type) {
    std::vector<std::byte>& value = values_[key];
    value.clear();
    put(type, value);
    return value;
  }
  template <typename T>
  MetadataWriter& set(const std::string& key, uint32_t type, T value) {
    put(value, begin(architecture_ + "." + key, type));
    return *this;
  }

  std::string architecture_;
  std::map<std::string, std::vector<std::byte>> values_;  // type and payload
};

MetadataWriter with_window(const std::string& architecture, uint32_t window = 64) {
  MetadataWriter writer(architecture);
  writer.number("attention.sliding_window", window);
  return writer;
}

std::string error_of(const MetadataWriter& writer) {
  const auto config = writer.read();
  return config.ok() ? "" : config.error().message;
}

TEST(GgufConfig, LayersHaveTheWindowsOfTheirArchitecture) {
  const std::vector<int32_t> none;
  EXPECT_EQ(with_window("llama").read()->layer_windows, (std::vector<int32_t>{64, 64, 64, 64})) << "Mistral's";
  EXPECT_EQ(with_window("llama", 0).read()->layer_windows, none);
  EXPECT_EQ(with_window("llama", 512).read()->layer_windows, none) << "no position outgrows it";
  EXPECT_EQ(with_window("phi3").read()->layer_windows, (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(with_window("smollm3").read()->layer_windows, (std::vector<int32_t>{0, 0, 0, 64})) << "without rope";
  EXPECT_EQ(with_window("gemma2").read()->layer_windows, (std::vector<int32_t>{64, 0, 64, 0}));
  EXPECT_EQ(with_window("gemma3").read()->layer_windows, (std::vector<int32_t>{64, 64, 64, 64})) << "five of six";
  EXPECT_EQ(MetadataWriter("gemma3").read()->layer_windows, none);
}

TEST(GgufConfig, APatternSaysWhichLayersHaveAWindow) {
  const std::string key = "attention.sliding_window_pattern";
  EXPECT_EQ(with_window("gemma3").number(key, 3).read()->layer_windows, (std::vector<int32_t>{64, 64, 0, 64}));
  EXPECT_EQ(with_window("qwen3").bools(key, {false, false, true, true}).read()->layer_windows,
            (std::vector<int32_t>{0, 0, 64, 64}));
  EXPECT_EQ(error_of(with_window("qwen3").bools(key, {false, true})),
            "\"qwen3.attention.sliding_window_pattern\" has 2 values, the model has 4 layers");
  EXPECT_EQ(error_of(with_window("gemma3").number(key, 0)),
            "\"gemma3.attention.sliding_window_pattern\" is 0, must be at least 1, or a value for each layer");
  EXPECT_EQ(
      error_of(with_window("qwen3")),
      "\"qwen3.attention.sliding_window\" is 64, must be 0: which layers of Qwen3ForCausalLM have a window is known "
      "by \"qwen3.attention.sliding_window_pattern\" alone");
}

TEST(GgufConfig, ANumberForEveryLayerIsNotNegative) {
  const testing::GgufText file = testing::GgufTextReader().read(
      "s general.architecture llama\nu .embedding_length 64\nI .block_count -4,-4\nt token_embd.weight 0 64,32");
  const auto gguf = GgufFile::parse_head(file.head, file.file_bytes);
  ASSERT_TRUE(gguf.ok()) << gguf.error().message;
  const auto config = read_gguf_config(**gguf);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message, "\"llama.block_count\" is -4 in every layer, must be at least 0");
}

TEST(GgufConfig, Gemma2HasDefaultsThatNoKeySays) {
  const auto config = MetadataWriter("gemma2").read();
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->architecture, "Gemma2ForCausalLM");
  EXPECT_EQ(config->attention_soft_cap, 50);
  EXPECT_EQ(config->logits_soft_cap, 30);
  EXPECT_EQ(config->embedding_multiplier, 8);
  EXPECT_EQ(config->attention_scale, 1.0F / std::sqrt(32.0F)) << "a head's size";
  EXPECT_EQ(config->norm_offset, 0) << "norms are stored as they are used";
  EXPECT_TRUE(config->tie_embeddings);
  const auto capped = MetadataWriter("gemma2").real("attn_logit_softcapping", 7).real("final_logit_softcapping", 5);
  EXPECT_EQ(capped.read()->attention_soft_cap, 7);
  EXPECT_EQ(capped.read()->logits_soft_cap, 5);
  EXPECT_EQ(error_of(MetadataWriter("llama").real("attn_logit_softcapping", 7)),
            "\"llama.attn_logit_softcapping\" is 7, must be absent: it is not supported");
}

TEST(GgufConfig, Gemma3HasTwoRopesAndTheLargestItsOwnScale) {
  auto writer = with_window("gemma3");
  writer.real("rope.freq_base", 1e6F).number("attention.key_length", 16).number("attention.value_length", 16);
  const auto config = writer.number("attention.sliding_window_pattern", 2).read();
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->rope.theta, 1e6);
  EXPECT_EQ(config->local_rope.theta, 1e4);
  EXPECT_EQ(config->has_local_rope, (std::vector<bool>{true, false, true, false}));
  EXPECT_EQ(config->attention_scale, 0.25F);
  EXPECT_EQ(config->logits_soft_cap, 0);
  EXPECT_EQ(with_window("gemma3").real("rope.freq_base_swa", 500).read()->local_rope.theta, 500);
  EXPECT_EQ(with_window("gemma3", 4096).read()->has_local_rope, (std::vector<bool>(4, true)))
      << "whatever the context's length";
  auto largest = with_window("gemma3");
  largest.number("attention.key_length", 16).number("attention.value_length", 16).number("block_count", 62);
  EXPECT_EQ(largest.read()->attention_scale, 1.0F / std::sqrt(32.0F)) << "the hidden size's share of a head";
}

}  // namespace
}  // namespace braid
