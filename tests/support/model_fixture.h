// A fixture: the logits a model must compute (tests/fixtures/models/README.md), and its checkpoint written to disk, so
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
  std::string seeded_as;  // the name that seeds its values: its own, unless it is stored twice
  struct Bytes {
    uint8_t low = 0;
    uint8_t high = 0;
  };
  std::optional<Bytes> bytes = {};  // limits of the values if stored as U8; dtype, scale and offset are unused then
};

struct FixturePrompt {
  std::vector<TokenId> ids;
  std::vector<int32_t> rows;        // positions with expected logits
  std::vector<TokenId> greedy;      // the continuation, past end-of-sequence ids
  std::span<const float> expected;  // [rows.size(), vocab], in the fixture's `logits`
};

struct ModelFixture {
  std::string name;
  std::filesystem::path folder;
  uint64_t seed = 0;
  int64_t vocab = 0;
  std::vector<FixtureTensor> tensors;  // empty for a GGUF fixture, which has its file in its folder
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

// The sorted names of the cases with a config.json, or with a model.gguf. None in another working directory.
std::vector<std::string> checkpoint_fixture_names();
std::vector<std::string> gguf_fixture_names();

// The cases that tests of whole models run: all of them. Under sanitizers, which slow them tenfold and more, the last
// directory of each architecture; under ThreadSanitizer no GGUF file, because its model runs as a directory's does.
std::vector<std::string> tested_checkpoint_names();
std::vector<std::string> tested_gguf_names();

// A broken fixture fails a CHECK or throws nlohmann's exception: that is our own mistake.
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
