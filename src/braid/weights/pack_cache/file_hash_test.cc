#include "braid/weights/pack_cache/file_hash.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

class FileHashTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) const {
    const fs::path path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  std::string hash(const std::string& path) {
    return to_hex(hash_contents(InputFile::open(path).value(), team_).value());
  }
  std::string hash_noted(const std::string& path) {
    return to_hex(hash_once(InputFile::open(path).value(), notes_.path().string(), team_).value());
  }
  // The only note; empty: there is none.
  fs::path note() const {
    const fs::directory_iterator first(notes_.path());
    return first == fs::directory_iterator() ? fs::path() : first->path();
  }
  void change_note(const std::string& from, const std::string& to) const {
    std::ifstream in(note());
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    std::ofstream(note()) << text.replace(at, from.size(), to);
  }

  // In the repository, so it was written long before the test runs.
  const std::string old_file_ = (testing::model_fixtures_folder() / "gguf_qwen3" / "model.gguf").string();
  const TemporaryFolder folder_;
  const TemporaryFolder notes_;
  ThreadTeam team_{3};
};

TEST_F(FileHashTest, EveryByteAndTheSizeCount) {
  constexpr size_t kBlock = size_t{8} << 20;
  std::set<std::string> seen;
  std::string bytes(kBlock + 12345, 'a');
  EXPECT_TRUE(seen.insert(hash(write("file", bytes))).second);
  for (const size_t at : {size_t{0}, size_t{131'072}, kBlock - 1, kBlock, kBlock + 12344}) {
    bytes[at] = 'b';
    EXPECT_TRUE(seen.insert(hash(write("file", bytes))).second) << at;
    bytes[at] = 'a';
  }
  for (const size_t size : {size_t{0}, size_t{1}, kBlock, kBlock + 12344}) {
    EXPECT_TRUE(seen.insert(hash(write("file", bytes.substr(0, size)))).second) << size;
  }
  EXPECT_FALSE(seen.insert(hash(write("other", bytes))).second) << "the name does not";
}

// The next free thread hashes the next block.
TEST_F(FileHashTest, TheNumberOfThreadsDoesNotCount) {
  std::string bytes(size_t{20} << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i / 1000);
  const auto file = InputFile::open(write("file", bytes));
  ThreadTeam one(1);
  EXPECT_EQ(hash_contents(*file, one).value(), hash_contents(*file, team_).value());
}

TEST_F(FileHashTest, AnOldFilesHashIsNotedAndTrusted) {
  const std::string real = hash(old_file_);
  EXPECT_EQ(hash_noted(old_file_), real);
  ASSERT_FALSE(note().empty());
  EXPECT_EQ(hash_noted(old_file_), real);
  const std::string noted(64, 'a');
  change_note(real, noted);
  EXPECT_EQ(hash_noted(old_file_), noted) << "the file was read again";
}

TEST_F(FileHashTest, ANoteOfAnotherStateIsNotTrusted) {
  const std::string real = hash(old_file_);
  for (const std::string word : {"path ", "device ", "inode ", "bytes ", "modified ", "changed ", "braid file hash "}) {
    hash_noted(old_file_);
    change_note(real, std::string(64, 'a'));
    change_note(word, word + "1");
    EXPECT_EQ(hash_noted(old_file_), real) << word;
  }
  change_note(real, "half");
  EXPECT_EQ(hash_noted(old_file_), real);
}

// A second write might get the same time.
TEST_F(FileHashTest, AFileWrittenJustNowIsNotNoted) {
  const std::string path = write("file", "some bytes");
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(hash_noted(path), hash(path));
  EXPECT_TRUE(note().empty());
}

TEST_F(FileHashTest, AFileThatShrinksIsAnError) {
  const std::string path = write("file", std::string(100'000, 'x'));
  const auto file = InputFile::open(path);
  fs::resize_file(path, 10);
  const auto hashed = hash_once(*file, notes_.path().string(), team_);
  ASSERT_FALSE(hashed.ok());
  EXPECT_TRUE(hashed.error().message.starts_with("file: had 100000 bytes")) << hashed.error().message;
}

}  // namespace
}  // namespace braid
