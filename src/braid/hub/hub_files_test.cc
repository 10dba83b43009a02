#include "braid/hub/hub_files.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

HubRepository repository_of(std::initializer_list<const char*> paths) {
  HubRepository repository;
  for (const char* path : paths) repository.files.push_back({.path = path});
  return repository;
}

std::vector<std::string> paths_in(const std::vector<HubFile>& files) {
  std::vector<std::string> paths;
  for (const HubFile& file : files) paths.push_back(file.path);
  return paths;
}

using Names = std::vector<std::string>;
const HubName kName{.repository = "org/name"};

TEST(HubFiles, OnlyNeededFilesAreSelected) {
  const auto selection = select_hub_files(
      repository_of({".gitattributes", "README.md", "config.json", "generation_config.json", "model.safetensors",
                     "onnx/model.onnx", "pytorch_model.bin", "tokenizer.json", "tokenizer.model",
                     "tokenizer_config.json", "chat_template.jinja", "video_preprocessor_config.json",
                     "preprocessor_config.json", "vocab.json", "merges.txt"}),
      kName);
  ASSERT_TRUE(selection.ok()) << selection.error().message;
  EXPECT_EQ(paths_in(selection->texts),
            (Names{"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                   "chat_template.jinja", "preprocessor_config.json", "video_preprocessor_config.json"}));
  EXPECT_EQ(paths_in(selection->weights), Names{"model.safetensors"});
}

TEST(HubFiles, AnIndexNamesTheWeights) {
  const HubRepository repository =
      repository_of({"config.json", "consolidated.safetensors", "model-00001-of-00002.safetensors",
                     "model-00002-of-00002.safetensors", "model.safetensors.index.json"});
  const auto selection = select_hub_files(repository, kName);
  ASSERT_TRUE(selection.ok()) << selection.error().message;
  EXPECT_TRUE(selection->has_index);
  EXPECT_TRUE(selection->weights.empty());
  const auto shards = select_shards(repository, R"({"weight_map": {"b": "model-00002-of-00002.safetensors",
      "a": "model-00001-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}})");
  ASSERT_TRUE(shards.ok()) << shards.error().message;
  EXPECT_EQ(paths_in(*shards), (Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}));
  EXPECT_EQ(select_shards(repository, R"({"weight_map": {"a": "x.safetensors"}})").error().message,
            "model.safetensors.index.json names x.safetensors, which the repository does not have");
}

TEST(HubFiles, AVariantSelectsItsFilesOnly) {
  const HubRepository repository =
      repository_of({"config.json", "x-Q4_K_M-00002-of-00002.gguf", "x-Q4_K_M-00001-of-00002.gguf", "x-Q8_0.gguf"});
  const auto selection = select_hub_files(repository, {.repository = "org/name", .variant = "Q4_K_M"});
  ASSERT_TRUE(selection.ok()) << selection.error().message;
  EXPECT_TRUE(selection->texts.empty());
  EXPECT_EQ(paths_in(selection->weights), (Names{"x-Q4_K_M-00001-of-00002.gguf", "x-Q4_K_M-00002-of-00002.gguf"}));
}

TEST(HubFiles, ErrorsSuggestWhatCanRun) {
  const auto error = [](const HubRepository& repository, const HubName& name = kName) {
    const auto selection = select_hub_files(repository, name);
    return selection.ok() ? std::string() : selection.error().message;
  };
  EXPECT_EQ(error(repository_of({"x-Q4_K_M.gguf", "x-Q8_0.gguf"})),
            "org/name has no *.safetensors, but GGUF files: org/name:Q4_K_M, org/name:Q8_0");
  EXPECT_EQ(error(repository_of({"config.json", "pytorch_model.bin"})),
            "org/name has its weights as pytorch_model.bin: safetensors and GGUF are supported");
  EXPECT_EQ(error(repository_of({"README.md"})), "org/name has no weights: neither *.safetensors nor *.gguf");
  EXPECT_EQ(error(repository_of({"model.safetensors"})), "org/name has no config.json");
  EXPECT_EQ(error(repository_of({"x-Q8_0.gguf"}), {.repository = "org/name", .variant = "Q2_K"}),
            "org/name:Q2_K: there is no GGUF file for \"Q2_K\", only for Q8_0");
}

}  // namespace
}  // namespace braid
