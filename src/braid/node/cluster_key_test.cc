// The file of a cluster's keys.
#include "braid/node/cluster_key.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

TEST(ClusterKey, ComesBackAsItWasWritten) {
  const ClusterKey key = make_cluster_key().value();
  const auto parsed = parse_cluster_key(cluster_key_text(key));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->front.secret_key, key.front.secret_key);
  EXPECT_EQ(parsed->for_process().server_key, key.front.public_key);
  EXPECT_EQ(parsed->for_front().allowed_clients, std::vector<std::string>{key.process.public_key});
}

TEST(ClusterKey, WhatIsNoKeyIsSaidWithoutTheKey) {
  const std::string text = cluster_key_text(make_cluster_key().value());
  EXPECT_EQ(parse_cluster_key("hello\n").error().message,
            "is no cluster key: its first line is not \"braid cluster key 1\"");
  EXPECT_EQ(parse_cluster_key(text.substr(0, text.find("process"))).error().message,
            "is no cluster key: the keys of the process are missing");
  std::string cut = text;
  cut.erase(cut.find("front ") + 6, 5);
  EXPECT_EQ(parse_cluster_key(cut).error().message,
            "the public key of the front is no CURVE key: it has 35 characters, a key is 40 characters of Z85");
}

TEST(ClusterKey, AFileThatOthersMayReadIsRefused) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "key").string();
  std::ofstream(path) << cluster_key_text(make_cluster_key().value());
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  EXPECT_EQ(read_cluster_key(path).error().message,
            path + ": others may read this key; make it yours alone with chmod 600");
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  EXPECT_TRUE(read_cluster_key(path).ok());
  EXPECT_EQ(read_cluster_key(path + "x").error().message, path + "x: No such file or directory");
}

}  // namespace
}  // namespace braid
