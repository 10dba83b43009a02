#include "braid/weights/pack_cache/new_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::span<const std::byte> text_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(NewFile, IsThereWholeOrNotAtAll) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "file").string();
  std::ofstream(path) << "before";
  {
    auto file = NewFile::create(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write(0, text_bytes("half")).ok());
    EXPECT_EQ(text_of(path), "before");
    EXPECT_EQ(names_in(folder.path()).size(), 2U);
  }
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"file"});
  auto file = NewFile::create(path);
  ASSERT_TRUE(file->write(5, text_bytes("whole")).ok());
  ASSERT_TRUE(file->write(0, text_bytes("the  ")).ok());
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(text_of(path), "the  whole");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"file"});
}

TEST(NewFile, ErrorsNameThePath) {
  const TemporaryFolder folder;
  const std::string missing = (folder.path() / "no" / "file").string();
  const auto file = NewFile::create(missing);
  ASSERT_FALSE(file.ok());
  EXPECT_TRUE(file.error().message.starts_with("cannot create " + missing)) << file.error().message;
  EXPECT_TRUE(file.error().message.ends_with("No such file or directory")) << file.error().message;
}

// A killed process leaves an old file without a lock.
TEST(NewFile, AbandonedFilesAreRemovedAndNoOthers) {
  const TemporaryFolder folder;
  const auto make_old = [&](const std::string& name) {
    fs::last_write_time(folder.path() / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
  };
  const auto held = NewFile::create((folder.path() / "held.pack").string());
  ASSERT_TRUE(held.ok());
  for (const std::string& name : names_in(folder.path())) make_old(name);
  for (const std::string name : {"recent.pack.0123.being-written", "whole.pack"}) {
    std::ofstream(folder.path() / name) << "text";
  }
  make_old("whole.pack");
  const std::set<std::string> expected = names_in(folder.path());
  const std::string abandoned = "killed.pack.0123.being-written";
  std::ofstream(folder.path() / abandoned) << "text";
  make_old(abandoned);
  remove_abandoned_files(folder.path().string());
  EXPECT_EQ(names_in(folder.path()), expected);
  remove_abandoned_files((folder.path() / "none").string());
}

}  // namespace
}  // namespace braid
