// A folder for one front alone, that does not stay behind.
#include "braid/node/runtime_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>

namespace braid {
namespace {

namespace fs = std::filesystem;

TEST(RuntimeFolder, IsForItsUserAloneAndGoesWithItsOwner) {
  fs::path path;
  {
    const auto folder = RuntimeFolder::make();
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    path = folder->path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    const auto file = folder->write_secret("key", "open sesame");
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(fs::status(*file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    std::string text;
    std::getline(std::ifstream(*file), text);
    EXPECT_EQ(text, "open sesame");
    EXPECT_FALSE(folder->write_secret("key", "again").ok()) << "nobody's file is overwritten";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(RuntimeFolder, RemovesThoseOfDeadProcesses) {
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  const auto own = RuntimeFolder::make();
  ASSERT_TRUE(own.ok());
  const fs::path base = own->path().parent_path();
  const fs::path left = base / ("braid-" + std::to_string(dead) + "-abcdef");
  const fs::path alive = base / ("braid-" + std::to_string(getpid()) + "-zzzzzz");
  const fs::path other = base / "braid-notes";
  for (const fs::path& path : {left, alive, other}) fs::create_directories(path / "inner");
  const auto next = RuntimeFolder::make();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(other));
  fs::remove_all(alive);
  fs::remove_all(other);
}

}  // namespace
}  // namespace braid
