#include "braid/hub/hub_repository.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";
const std::string kSha256(64, 'a');

std::string body_with(const std::string& siblings) {
  return fmt::format(R"({{"id": "org/name", "sha": "{}", "siblings": [{}]}})", kCommit, siblings);
}

TEST(HubRepository, FilesHaveSizesAndHashes) {
  const auto repository =
      parse_hub_repository(body_with(fmt::format(R"({{"rfilename": "config.json", "size": 7, "blobId": "{}"}},
                               {{"rfilename": "sub/model.safetensors", "size": 9, "blobId": "{}",
                                 "lfs": {{"sha256": "{}", "size": 12345678901, "pointerSize": 135}}}},
                               {{"rfilename": "old.json"}})",
                                                 kCommit, kCommit, kSha256)));
  ASSERT_TRUE(repository.ok()) << repository.error().message;
  EXPECT_EQ(repository->commit, kCommit);
  const HubFile* const config = repository->find("config.json");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->bytes, 7);
  EXPECT_EQ(config->hash(), kCommit);
  const HubFile* const weights = repository->find("sub/model.safetensors");
  EXPECT_EQ(weights->bytes, 12345678901);
  EXPECT_EQ(weights->hash(), kSha256);
  EXPECT_EQ(weights->git_hash, "");
  EXPECT_EQ(repository->find("old.json")->hash(), "");
  EXPECT_EQ(repository->find("absent"), nullptr);
}

TEST(HubRepository, ErrorsNameWhatIsWrongWithAnAnswer) {
  const auto expect = [](const std::string& body, std::string_view part) {
    const auto repository = parse_hub_repository(body);
    ASSERT_FALSE(repository.ok()) << body;
    EXPECT_NE(repository.error().message.find(part), std::string::npos) << repository.error().message;
  };
  expect("<html>", "the hub's answer");
  expect("[]", "the hub's answer");
  expect("{}", "\"sha\"");
  expect(R"({"sha": "main", "siblings": []})", "40 hexadecimal digits");
  expect(fmt::format(R"({{"sha": "{}"}})", kCommit), "siblings");
  expect(body_with("7"), "siblings");
  expect(body_with(R"({"rfilename": 7})"), "rfilename");
  for (const char* path : {"../x", "/etc/passwd", "a//b", "a/../b", "", ".", "a\\u0000b", "a\\nb", "a/"}) {
    expect(body_with(fmt::format(R"({{"rfilename": "{}"}})", path)), "a path inside the repository");
  }
  expect(body_with(R"({"rfilename": "a", "size": -1})"), "size");
  expect(body_with(R"({"rfilename": "a", "blobId": "../../x"})"), "blobId");
  expect(body_with(R"({"rfilename": "a", "lfs": {"sha256": "../../x"}})"), "sha256");
}

TEST(HubRepository, AFilesHeadersSayWhatTheListDoesNot) {
  HubReply reply{.status = 302};
  reply.headers = {
      {"x-linked-etag", '"' + kSha256 + '"'}, {"x-linked-size", "42"}, {"etag", "\"other\""}, {"content-length", "7"}};
  HubFile file{.path = "model.safetensors"};
  ASSERT_TRUE(complete_from_headers(reply, file).ok());
  EXPECT_EQ(file.sha256, kSha256);
  EXPECT_EQ(file.bytes, 42);

  reply = {.status = 200};
  reply.headers = {{"etag", "W/\"" + kCommit + '"'}, {"content-length", "7"}};
  file = {.path = "config.json"};
  ASSERT_TRUE(complete_from_headers(reply, file).ok());
  EXPECT_EQ(file.git_hash, kCommit);
  EXPECT_EQ(file.bytes, 7);

  reply.headers["etag"] = "../../x";
  EXPECT_EQ(complete_from_headers(reply, file).error().message,
            "config.json: the hub names neither its SHA-256 nor git's hash (ETag \"../../x\")");
}

TEST(HubRepository, HttpErrorsAreExplained) {
  const HubName name{.repository = "org/name", .revision = "v2"};
  const auto explain = [&](HubReply reply, bool has_token = false) {
    return explain_hub_problem(name, "org/name@v2", reply, "https://hub", has_token).message;
  };
  EXPECT_EQ(explain({.transport_problem = "Could not resolve host: hub"}),
            "org/name@v2: cannot reach https://hub (Could not resolve host: hub)");
  EXPECT_EQ(
      explain({.status = 401}),
      "org/name@v2: neither a file here nor a model of https://hub (401), unless it is private: then set HF_TOKEN");
  EXPECT_EQ(explain({.status = 404}, true),
            "org/name@v2: neither a file here nor a model of https://hub (404), unless it is private: HF_TOKEN may not "
            "read it");
  EXPECT_EQ(explain({.status = 404, .headers = {{"x-error-code", "RevisionNotFound"}}}),
            "org/name@v2: https://hub/org/name has no revision \"v2\"");
  EXPECT_NE(explain({.status = 403, .headers = {{"x-error-code", "GatedRepo"}}}).find("set HF_TOKEN"),
            std::string::npos);
  EXPECT_NE(explain({.status = 403, .headers = {{"x-error-code", "GatedRepo"}}}, true).find("none of them yet"),
            std::string::npos);
  EXPECT_NE(explain({.status = 429}).find("try again later"), std::string::npos);
  EXPECT_EQ(explain({.status = 500, .body = R"({"error": "on\nfire"})"}),
            "org/name@v2: https://hub answers 500 (\"on fire\")");
}

}  // namespace
}  // namespace braid
