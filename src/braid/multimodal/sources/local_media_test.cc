#include "braid/multimodal/sources/local_media.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/multimodal/image_testdata.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

// media/ is the folder that is allowed; secret.txt beside it, and media-2/ with the same beginning, are not.
class LocalMedia : public ::testing::Test {
 protected:
  LocalMedia() : root_(fs::canonical(folder_.path())) {
    fs::create_directories(root_ / "media/sub dir");
    fs::create_directories(root_ / "media-2");
    for (const char* name : {"secret.txt", "media/a.jpg", "media/sub dir/b.jpg", "media-2/c.jpg"}) {
      std::ofstream(root_ / name) << name;
    }
    policy_.local_path = (root_ / "media").string();
  }

  std::string read(const std::string& url) {
    const auto bytes = read_local_media(url, policy_);
    return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
  }
  std::string read_below(const std::string& path) { return read("file://" + (root_ / path).string()); }

  testing::TemporaryFolder folder_;
  fs::path root_;
  MediaPolicy policy_;
};

constexpr const char* kOutside = "is no file below --allowed-local-media-path";

TEST_F(LocalMedia, FilesBelowTheFolderAreRead) {
  EXPECT_EQ(read_below("media/a.jpg"), "media/a.jpg");
  EXPECT_EQ(read_below("media/sub%20dir/b.jpg"), "media/sub dir/b.jpg");
  EXPECT_EQ(read_below("media/sub dir/../a.jpg"), "media/a.jpg");
  EXPECT_EQ(read("file://localhost" + policy_.local_path + "/a.jpg"), "media/a.jpg");
  policy_.local_path += "/";
  EXPECT_EQ(read_below("media/a.jpg"), "media/a.jpg");
}

TEST_F(LocalMedia, NothingElseIs) {
  for (const char* path : {"media/../secret.txt", "media/%2e%2e/secret.txt", "media/sub dir/../../secret.txt",
                           "secret.txt", "media-2/c.jpg", "media", "media/sub dir", "media/absent.jpg", "absent.jpg"}) {
    EXPECT_TRUE(has_text(read_below(path), kOutside));
  }
  EXPECT_TRUE(has_text(read("file:///dev/zero"), kOutside));
}

TEST_F(LocalMedia, LinksAreFollowedOnlyWithinTheFolder) {
  fs::create_symlink(root_ / "secret.txt", root_ / "media/out.jpg");
  fs::create_directory_symlink(root_ / "media-2", root_ / "media/out");
  fs::create_symlink("sub dir/b.jpg", root_ / "media/in.jpg");
  fs::create_directory_symlink(root_ / "media", root_ / "other-name");
  EXPECT_TRUE(has_text(read_below("media/out.jpg"), kOutside));
  EXPECT_TRUE(has_text(read_below("media/out/c.jpg"), kOutside));
  EXPECT_EQ(read_below("media/in.jpg"), "media/sub dir/b.jpg");
  EXPECT_EQ(read_below("other-name/a.jpg"), "media/a.jpg");
}

TEST_F(LocalMedia, APipeIsNotOpened) {
  ASSERT_EQ(mkfifo((root_ / "media/pipe.jpg").c_str(), 0600), 0);
  EXPECT_TRUE(has_text(read_below("media/pipe.jpg"), kOutside));
}

TEST_F(LocalMedia, BadUrlsAreNamed) {
  for (const char* url : {"file:a.jpg", "file://host/a.jpg", "file://a.jpg", "file:/a.jpg"}) {
    EXPECT_TRUE(has_text(read(url), "must be file:// and an absolute path"));
  }
  EXPECT_TRUE(has_text(read("file:///a%00.jpg"), "has a NUL in its path"));
  EXPECT_TRUE(has_text(read("file:///a%0"), "is a % without two hexadecimal digits"));
}

TEST_F(LocalMedia, LimitsAndFlagsAreNamed) {
  policy_.max_bytes = 11;
  EXPECT_EQ(read_below("media/a.jpg"), "media/a.jpg");
  policy_.max_bytes = 10;
  EXPECT_TRUE(has_text(read_below("media/a.jpg"), "has 11 bytes, the limit is 10"));
  policy_.local_path = (root_ / "absent").string();
  EXPECT_TRUE(has_text(read_below("media/a.jpg"), "--allowed-local-media-path names no folder"));
  policy_.local_path.clear();
  EXPECT_TRUE(has_text(read_below("media/a.jpg"), "files are read with --allowed-local-media-path DIR only"));
}

}  // namespace
}  // namespace braid
