// Equal checkpoints have equal fingerprints wherever they lie, and others have not.
#include "braid/weights/checkpoint_fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

constexpr const char* kModelFile = "tests/fixtures/models/gguf_qwen3/model.gguf";

std::string fingerprint_of(const std::filesystem::path& path) {
  const auto checkpoint = Checkpoint::open({.kind = ResolvedModel::Kind::kGguf, .path = path.string()});
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const auto fingerprint = checkpoint_fingerprint(*checkpoint);
  EXPECT_TRUE(fingerprint.ok()) << fingerprint.error().message;
  return *fingerprint;
}

TEST(CheckpointFingerprint, TellsCheckpointsApart) {
  const testing::TemporaryFolder folder;
  const auto copy = folder.path() / "model.gguf";
  std::filesystem::copy_file(kModelFile, copy);
  const std::string original = fingerprint_of(kModelFile);
  EXPECT_EQ(original.size(), 16U);
  EXPECT_EQ(fingerprint_of(copy), original);
  EXPECT_NE(fingerprint_of("tests/fixtures/models/gguf_qwen3_moe/model.gguf"), original);
  {
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    const int last = file.peek();
    file.put(static_cast<char>(last ^ 1));
  }
  EXPECT_NE(fingerprint_of(copy), original) << "one bit of its last weight";
}

}  // namespace
}  // namespace braid
