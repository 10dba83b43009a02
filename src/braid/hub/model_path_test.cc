#include "braid/hub/model_path.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "braid/config/weight_files.h"
#include "tests/support/config/hf_configs.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::expect_part;

TEST(ModelPath, FindsDirectoriesFilesAndTheHubsCache) {
  const testing::TemporaryFolder folder;
  const std::string root = folder.path().string();
  const std::string repository = root + "/hub/models--org--name";
  std::filesystem::create_directories(repository + "/snapshots/abc");
  std::filesystem::create_directories(repository + "/snapshots/def");
  std::filesystem::create_directories(repository + "/refs");
  std::ofstream(repository + "/refs/main") << "def\n";
  std::ofstream(root + "/model.gguf") << "x";
  EXPECT_EQ(resolve_model_path(root, {})->kind, ResolvedModel::Kind::kDirectory);
  EXPECT_EQ(resolve_model_path(root + "/model.gguf", {})->kind, ResolvedModel::Kind::kGguf);
  const ModelPathEnvironment by_home{.hf_home = root};
  EXPECT_EQ(resolve_model_path("org/name", by_home)->path, repository + "/snapshots/def");
  const ModelPathEnvironment by_cache{.hf_hub_cache = root + "/hub"};
  EXPECT_EQ(resolve_model_path("org/name", by_cache)->path, repository + "/snapshots/def");
  std::ofstream(repository + "/refs/main") << "../../..";
  expect_part(resolve_model_path("org/name", by_home).error().message, "does not name a snapshot");
  expect_part(resolve_model_path("org/other", by_home).error().message, "hf download org/other");
  expect_part(resolve_model_path(root + "/absent", {}).error().message, "no such directory");
  EXPECT_FALSE(resolve_model_path("../x", by_home).ok());
  EXPECT_FALSE(resolve_model_path("/dev/null", {}).ok());
}

TEST(ModelPath, ARevisionAndAVariantAreFoundInTheCache) {
  const testing::TemporaryFolder folder;
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  const std::string snapshot = folder.path().string() + "/models--org--name/snapshots/" + commit;
  std::filesystem::create_directories(snapshot + "/big");
  std::filesystem::create_directories(folder.path() / "models--org--name/refs/refs/pr");
  std::ofstream(folder.path() / "models--org--name/refs/refs/pr/1") << commit;
  std::ofstream(snapshot + "/big/model-Q8_0-00001-of-00002.gguf") << "x";
  std::ofstream(snapshot + "/model-Q4_K_M.gguf") << "x";
  const ModelPathEnvironment environment{.hf_hub_cache = folder.path().string()};
  for (const std::string& name : {std::string("org/name"), "org/name@" + commit, std::string("org/name@refs/pr/1")}) {
    EXPECT_EQ(resolve_model_path(name, environment)->path, snapshot) << name;
    const auto file = resolve_model_path(name + ":Q4_K_M", environment);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(file->kind, ResolvedModel::Kind::kGguf);
    EXPECT_EQ(file->path, snapshot + "/model-Q4_K_M.gguf");
    EXPECT_EQ(resolve_model_path(name + ":Q8_0", environment)->path, snapshot + "/big/model-Q8_0-00001-of-00002.gguf");
  }
  expect_part(resolve_model_path("org/name:Q2_K", environment).error().message, "only for Q4_K_M, Q8_0");
  expect_part(resolve_model_path("org/name@v2", environment).error().message, "no complete snapshot of org/name@v2");
}

TEST(ModelPath, NamesFromAnIndexArePlain) {
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "/a"sv, "a\0b"sv}) {
    EXPECT_FALSE(is_plain_file_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_file_name("model-00001-of-00002.safetensors"));
}

}  // namespace
}  // namespace braid
