// A fixture: the logits a model must compute (tests/fixtures/models/README.md), and its checkpoint, written to disk so
// that tests load it like a user's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/tensor/dtype.h"

namespace braid::testing {

struct FixtureTensor {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype = DType::kBFloat16;
  float scale = 1.0F;
  float offset = 0.0F;
  std::string seeded_as;  // the name that seeds its values; another tensor's if both store the same values
  struct Bytes {
    uint8_t low = 0;
    uint8_t high = 0;
    bool is_signed = false;  // the highest bit is random, whatever `high` is
  };
  // The range of the bytes that it consists of, if it is stored as U8 or as `type`; dtype, scale and offset are then
  // unused.
  std::optional<Bytes> bytes = {};
  std::string type = {};             // "I32", "F8_E4M3", …: a type that is no DType; empty: none
  std::vector<int64_t> values = {};  // of I32 or I64, instead of bytes

  bool is_plain() const { return type.empty() && !bytes; }
  int64_t element_bytes() const {
    if (type == "I64") return 8;
    if (type == "I32") return 4;
    return is_plain() ? dtype_bytes(dtype) : 1;
  }
};

struct FixturePrompt {
  std::vector<TokenId> ids;
  std::vector<int32_t> rows;        // positions with expected logits
  std::vector<TokenId> greedy;      // the greedy continuation; it does not stop at end-of-sequence ids
  std::span<const float> expected;  // [rows.size(), vocab], in the fixture's `logits`
};

struct ModelFixture {
  std::string name;
  std::filesystem::path folder;
  uint64_t seed = 0;
  int64_t vocab = 0;
  std::vector<FixtureTensor> tensors;  // empty for a GGUF fixture, whose folder has the file
  std::vector<FixturePrompt> prompts;
  double bfloat16_median_kl = 0;
  std::vector<float> logits;

  ModelFixture() = default;
  ModelFixture(ModelFixture&&) = default;  // prompts point into `logits`: move, never copy
  ModelFixture& operator=(ModelFixture&&) = default;

  std::filesystem::path gguf() const { return folder / "model.gguf"; }
};

// tests/fixtures/models in the source tree. Every test runs in the tree's root.
std::filesystem::path model_fixtures_folder();

// The sorted names of the fixtures with a config.json, or with a model.gguf. Empty outside the source tree's root.
std::vector<std::string> checkpoint_fixture_names();
std::vector<std::string> gguf_fixture_names();

// The fixtures that tests of whole models run: all, but fewer under sanitizers, which slow tests tenfold and more. Then
// it is the last directory of each architecture and of each quant_method, and no GGUF file under ThreadSanitizer: its
// model runs like a directory's.
std::vector<std::string> tested_checkpoint_names();
std::vector<std::string> tested_gguf_names();

// A broken fixture is our own mistake: it fails a CHECK or throws nlohmann's exception.
ModelFixture read_model_fixture(const std::string& name);

struct CheckpointOptions {
  int num_shards = 1;  // above 1: model-0000i-of-0000n.safetensors and an index
};

// Writes config.json and the tensors into `folder`, which must exist.
void write_checkpoint(const ModelFixture& fixture, const std::filesystem::path& folder,
                      const CheckpointOptions& options = {});

// The largest |got - expected|, relative to the largest |expected|. A NaN counts as infinite.
double relative_difference(std::span<const float> got, std::span<const float> expected);

// Median over rows of KL(softmax(expected) || softmax(got)); both [rows, vocab].
double median_kl(std::span<const float> got, std::span<const float> expected, int64_t vocab);

}  // namespace braid::testing
