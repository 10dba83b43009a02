#include "braid/formats/input_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

class InputFileTest : public ::testing::Test {
 protected:
  std::string path(std::string_view name) const { return (folder_.path() / name).string(); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(InputFileTest, PiecesAreRead) {
  std::ofstream(path("x")) << "0123456789";
  const auto file = InputFile::open(path("x"));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->bytes(), 10);
  EXPECT_EQ(file->name(), "x");
  std::string piece(4, ' ');
  ASSERT_TRUE(file->read(3, std::as_writable_bytes(std::span(piece))).ok());
  EXPECT_EQ(piece, "3456");
  EXPECT_EQ(file->read_head(100)->size(), 10U);
  EXPECT_EQ(*read_text_file(path("x")), "0123456789");
  EXPECT_NE(read_text_file(path("x"), 9).error().message.find("at most 9 are read"), std::string::npos);
}

TEST_F(InputFileTest, AFileThatShrinksIsAnError) {
  std::ofstream(path("x")) << std::string(10'000, 'x');
  const auto file = InputFile::open(path("x"));
  fs::resize_file(path("x"), 5000);
  std::string piece(1000, ' ');
  EXPECT_TRUE(file->read(4000, std::as_writable_bytes(std::span(piece))).ok());
  EXPECT_EQ(file->read(4500, std::as_writable_bytes(std::span(piece))).error().message,
            "x: had 10000 bytes when it was opened, and ends at 5000 now: it was cut short meanwhile");
  EXPECT_FALSE(file->read_head(10'000).ok());
}

TEST_F(InputFileTest, OnlyRegularFilesAreOpened) {
  const auto error = [](const std::string& name) {
    const auto file = InputFile::open(name);
    return file.ok() ? std::string() : file.error().message;
  };
  EXPECT_EQ(error(path("none")), "cannot open " + path("none") + ": No such file or directory");
  EXPECT_EQ(error(path("")), path("") + " is not a regular file");
  EXPECT_EQ(error("/dev/zero"), "/dev/zero is not a regular file");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(error(path("pipe")), path("pipe") + " is not a regular file");
  EXPECT_EQ(error(std::string("a\0b", 3)), "a path with a NUL byte");

  fs::create_symlink("x", path("dangling"));
  EXPECT_EQ(error(path("dangling")), "cannot open " + path("dangling") + ": No such file or directory");
  fs::create_symlink("b", path("a"));
  fs::create_symlink("a", path("b"));
  EXPECT_EQ(error(path("a")), "cannot open " + path("a") + ": Too many levels of symbolic links");
  std::ofstream(path("x")) << "now";
  EXPECT_EQ(error(path("dangling")), "");
}

}  // namespace
}  // namespace braid
