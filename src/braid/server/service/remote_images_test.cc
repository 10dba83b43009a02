// Requests for images of other hosts, with a real engine on the small model that sees (tests/fixtures/models/vl_demo).
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "braid/wire/transport/bound_socket.h"
#include "tests/support/model_fixture.h"
#include "tests/support/server/service/api_service_fixture.h"

namespace braid {
namespace {

using testing::FakeClient;
using testing::send;

// Takes connections on this host's loopback address, and never answers.
class SilentHost {
 public:
  SilentHost() {
    BoundSocket socket = BoundSocket::bind("127.0.0.1", 0).value();
    port_ = socket.port();
    listener_ = socket.release();
    EXPECT_EQ(::listen(listener_, 512), 0);
  }
  ~SilentHost() { end(); }
  SilentHost(const SilentHost&) = delete;
  SilentHost& operator=(const SilentHost&) = delete;

  std::string url(int i) const { return fmt::format("http://127.0.0.1:{}/{}", port_, i); }
  // Its connections break.
  void end() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }

 private:
  int listener_ = -1;
  int port_ = 0;
};

class RemoteImagesTest : public testing::ApiServiceFixture {
 protected:
  void start_with(MediaPolicy media) {
    media.allows_remote = media.allows_private_addresses = true;
    media.timeout = std::chrono::minutes(10);
    start({.model = {.media = media}},
          {.source = {.model_path = (testing::model_fixtures_folder() / "vl_demo").string()}});
  }
  std::shared_ptr<FakeClient> ask_about(const std::vector<std::string>& urls) {
    Json parts = Json::array();
    for (const std::string& url : urls) parts.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
    const Json body = {{"messages", {{{"role", "user"}, {"content", parts}}}}, {"max_tokens", 4}};
    return post("/v1/chat/completions", body.dump());
  }
};

// The service has one thread that reads requests.
TEST_F(RemoteImagesTest, RequestsAreReadWhileOthersWaitForAHostThatDoesNotAnswer) {
  SilentHost host;
  start_with({});
  std::vector<std::shared_ptr<FakeClient>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(ask_about({host.url(i)}));
  EXPECT_EQ(chat("")->status(), 200);
  EXPECT_EQ(complete("")->status(), 200);
  host.end();
  for (const auto& client : waiting) {
    EXPECT_EQ(client->status(), 400);
    EXPECT_NE(client->body().find("image 0: image"), std::string::npos);
  }
}

TEST_F(RemoteImagesTest, MoreThan256ThatWaitAreRefused) {
  SilentHost host;
  start_with({});
  std::vector<std::shared_ptr<FakeClient>> waiting;
  for (int i = 0; i < 256; ++i) waiting.push_back(ask_about({host.url(i)}));
  const auto refused = ask_about({host.url(256)});
  EXPECT_EQ(refused->status(), 503);
  EXPECT_EQ(refused->json()["error"]["code"], "overloaded");
  EXPECT_EQ(chat("")->status(), 200);
  host.end();
  for (const auto& client : waiting) EXPECT_EQ(client->status(), 400);
}

TEST_F(RemoteImagesTest, ImagesOfARequestHaveLimitsTogether) {
  const auto folder = std::filesystem::absolute(testing::model_fixtures_folder() / "vl_demo" / "questions");
  std::vector<std::string> urls;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".png" && urls.size() < 3) urls.push_back("file://" + file.path().string());
  }
  ASSERT_EQ(urls.size(), 3U);
  MediaPolicy media;
  media.local_path = folder.string();
  media.max_request_bytes = 1;
  start_with(media);
  EXPECT_EQ(ask_about({urls[0]})->status(), 200);
  const auto refused = ask_about(urls);
  EXPECT_EQ(refused->status(), 400);
  EXPECT_NE(refused->body().find("image 1: the images that the request names have "), std::string::npos);
  EXPECT_NE(refused->body().find(" bytes so far, the limit is 1"), std::string::npos);
  EXPECT_EQ(ask_about({urls[0], urls[0], urls[0]})->status(), 200);  // fetched once
}

TEST_F(RemoteImagesTest, ImagesOfARequestHaveATimeTogether) {
  SilentHost host;
  MediaPolicy media;
  media.request_timeout = std::chrono::milliseconds(-1);
  start_with(media);
  const auto refused = ask_about({host.url(0)});
  EXPECT_EQ(refused->status(), 400);
  EXPECT_NE(refused->body().find("image 0: the images that the request names did not arrive within -1 ms"),
            std::string::npos);
}

}  // namespace
}  // namespace braid
