#include "braid/multimodal/sources/remote_media.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

// Answers each request by its path, on this host's loopback address; one connection at a time.
class MediaServer {
 public:
  MediaServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~MediaServer() {
    is_ending_ = true;
    thread_.join();
    ::close(listener_);
  }

  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }
  int num_requests() const { return num_requests_; }

 private:
  void serve() {
    while (!is_ending_) {
      pollfd waiting = {.fd = listener_, .events = POLLIN};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      char request[2000] = {};
      const ssize_t size = ::recv(client, request, sizeof(request) - 1, 0);
      if (size > 0) answer(client, request);
      ::close(client);
    }
  }

  void answer(int client, const std::string& request) {
    ++num_requests_;
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    const auto send = [&](const std::string& text) { (void)::send(client, text.data(), text.size(), MSG_NOSIGNAL); };
    if (path == "/image") send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes");
    if (path == "/large") send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'x'));
    if (path == "/endless") send("HTTP/1.1 200 OK\r\n\r\n" + std::string(300'000, 'x'));
    if (path == "/absent") send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    if (path == "/moved") send("HTTP/1.1 302 Found\r\nLocation: /image\r\nContent-Length: 0\r\n\r\n");
    if (path == "/loop") send("HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
    if (path == "/to-file") send("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    if (path == "/slow") {
      for (int i = 0; i < 200 && !is_ending_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> is_ending_ = false;
  std::atomic<int> num_requests_ = 0;
  std::thread thread_;
};

MediaPolicy local_server_policy() {
  MediaPolicy policy;
  policy.allows_remote = true;
  policy.allows_private_addresses = true;
  return policy;
}

std::string fetched(const std::string& url, const MediaPolicy& policy) {
  const auto bytes = fetch_remote_media(url, policy);
  return bytes.ok() ? std::string(bytes->begin(), bytes->end()) : "error: " + bytes.error().message;
}

TEST(RemoteMedia, BodiesAreFetchedThroughRedirections) {
  const MediaServer server;
  EXPECT_EQ(fetched(server.url("/image"), local_server_policy()), "bytes");
  EXPECT_EQ(fetched(server.url("/moved"), local_server_policy()), "bytes");
  EXPECT_EQ(fetched(server.url("/large"), local_server_policy()), std::string(300'000, 'x'));
}

TEST(RemoteMedia, PrivateAddressesAreNeverAsked) {
  const MediaServer server;
  MediaPolicy policy = local_server_policy();
  policy.allows_private_addresses = false;
  EXPECT_TRUE(has_text(fetched(server.url("/image"), policy), "leads to 127.0.0.1, which is no public address"));
  for (const char* host : {"localhost", "0x7f.1", "2130706433"}) {
    std::string url = server.url("/image");
    url.replace(url.find("127.0.0.1"), 9, host);
    EXPECT_TRUE(has_text(fetched(url, policy), "which is no public address"));
  }
  EXPECT_EQ(server.num_requests(), 0);
}

TEST(RemoteMedia, NothingIsAskedWithoutTheFlag) {
  const MediaServer server;
  MediaPolicy policy = local_server_policy();
  policy.allows_remote = false;
  EXPECT_TRUE(has_text(fetched(server.url("/image"), policy), "--allow-remote-media"));
  EXPECT_EQ(server.num_requests(), 0);
}

TEST(RemoteMedia, LimitsAreNamed) {
  const MediaServer server;
  MediaPolicy policy = local_server_policy();
  policy.max_bytes = 299'999;
  EXPECT_TRUE(has_text(fetched(server.url("/large"), policy), "has more than 299999 bytes, the limit"));
  EXPECT_TRUE(has_text(fetched(server.url("/endless"), policy), "has more than 299999 bytes, the limit"));
  EXPECT_TRUE(has_text(fetched(server.url("/loop"), policy), "is redirected more than 5 times, the limit"));
  policy.timeout = std::chrono::milliseconds(100);
  EXPECT_TRUE(has_text(fetched(server.url("/slow"), policy), "did not arrive within 100 ms, the limit"));
  EXPECT_TRUE(has_text(fetched("http://a/" + std::string(9000, 'x'), policy), "at most 8192 characters"));
}

TEST(RemoteMedia, OtherAnswersAreErrors) {
  const MediaServer server;
  EXPECT_TRUE(has_text(fetched(server.url("/absent"), local_server_policy()), "404"));
  EXPECT_TRUE(has_text(fetched(server.url("/to-file"), local_server_policy()), "cannot be fetched"));
  EXPECT_TRUE(has_text(fetched(server.url("/nothing"), local_server_policy()), "cannot be fetched"));
  EXPECT_TRUE(has_text(fetched("http://", local_server_policy()), "cannot be fetched"));
}

}  // namespace
}  // namespace braid
