#include "braid/hub/blob_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "braid/formats/input_file.h"
#include "braid/hub/blob_hash.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class BlobFileTest : public ::testing::Test {
 protected:
  std::string path(std::string_view name) const { return (folder_.path() / name).string(); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(BlobFileTest, NewBytesAreAppendedToOldOnes) {
  std::ofstream(path("x.incomplete")) << "abc";
  auto blob = IncompleteBlob::open(path("x.incomplete"));
  ASSERT_TRUE(blob.ok()) << blob.error().message;
  EXPECT_EQ(blob->bytes(), 3);
  ASSERT_TRUE(blob->append(bytes_of("def")).ok());
  EXPECT_EQ(blob->bytes(), 6);
  ASSERT_TRUE(blob->finish(path("x")).ok());
  EXPECT_EQ(*read_text_file(path("x")), "abcdef");
  EXPECT_FALSE(std::filesystem::exists(path("x.incomplete")));
}

TEST_F(BlobFileTest, ClearBeginsAgain) {
  std::ofstream(path("x")) << "abc";
  auto blob = IncompleteBlob::open(path("x"));
  ASSERT_TRUE(blob->clear().ok());
  ASSERT_TRUE(blob->append(bytes_of("d")).ok());
  EXPECT_EQ(blob->bytes(), 1);
  EXPECT_EQ(*read_text_file(path("x")), "d");
}

TEST_F(BlobFileTest, AFullDiskIsAnError) {
  auto blob = IncompleteBlob::open("/dev/full");
  EXPECT_FALSE(blob.ok());  // not a regular file
  EXPECT_FALSE(IncompleteBlob::open(path("no/such/folder")).ok());
  EXPECT_FALSE(make_folder_of("/proc/no/such/x").ok());
}

TEST_F(BlobFileTest, LinksAreRelativeAndReplaceOldFiles) {
  std::filesystem::create_directories(path("blobs"));
  std::filesystem::create_directories(path("snapshots/c/sub"));
  std::ofstream(path("blobs/1")) << "one";
  std::ofstream(path("blobs/2")) << "two";
  ASSERT_TRUE(write_link(path("snapshots/c/sub/f"), path("blobs/1")).ok());
  EXPECT_EQ(std::filesystem::read_symlink(path("snapshots/c/sub/f")), "../../../blobs/1");
  ASSERT_TRUE(write_link(path("snapshots/c/sub/f"), path("blobs/2")).ok());
  EXPECT_EQ(*read_text_file(path("snapshots/c/sub/f")), "two");
}

TEST_F(BlobFileTest, ASmallFileIsReplacedWhole) {
  ASSERT_TRUE(write_small_file(path("main"), "a long text").ok());
  ASSERT_TRUE(write_small_file(path("main"), "short").ok());
  EXPECT_EQ(*read_text_file(path("main")), "short");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("")), {}), 1);
}

TEST_F(BlobFileTest, ALockIsFreeAgainWhenItsHolderIsGone) {
  int num_waits = 0;
  const auto count = [&] { ++num_waits; };
  {
    const auto lock = BlobLock::take(path("lock"), count);
    ASSERT_TRUE(lock.ok());
  }
  const auto again = BlobLock::take(path("lock"), count);
  EXPECT_TRUE(again.ok());
  EXPECT_EQ(num_waits, 0);
}

TEST_F(BlobFileTest, ContentsAreCheckedBySizeAndHash) {
  std::ofstream(path("x")) << "hello\n";
  const std::string git = "ce013625030ba8dba906f756967f9e9ca394464a";  // git hash-object
  const std::string sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
  EXPECT_TRUE(check_contents(path("x"), {.bytes = 6, .sha256 = sha256}).ok());
  EXPECT_TRUE(check_contents(path("x"), {.git_hash = git}).ok());
  EXPECT_EQ(check_contents(path("x"), {.bytes = 7, .sha256 = sha256}).error().message,
            "it has 6 bytes, the hub says 7");
  EXPECT_EQ(check_contents(path("x"), {.bytes = 6, .sha256 = std::string(64, '0')}).error().message,
            "its SHA-256 is " + sha256 + ", the hub says " + std::string(64, '0'));
  EXPECT_NE(
      check_contents(path("x"), {.git_hash = std::string(40, '0')}).error().message.find("its git hash is " + git),
      std::string::npos);
  EXPECT_FALSE(check_contents(path("absent"), {.sha256 = sha256}).ok());
}

}  // namespace
}  // namespace braid
