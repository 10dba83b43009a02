// Shutting a server down: running requests are finished, new ones are refused.
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "braid/server/http/server.h"
#include "tests/support/server/http/http_client.h"

namespace braid::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::eventually;
using testing::get;
using testing::RawClient;
using testing::Reply;
using testing::start_server;
using testing::test_options;

// "/stream" stays open until finish(); everything else is answered at once.
struct OneStream {
  Handler handler() {
    return [this](Request request, std::shared_ptr<Responder> responder) {
      if (request.path != "/stream") return responder->respond({.body = "ok"});
      responder->start_stream({.content_type = "text/event-stream", .body = "data: 1\n\n"});
      const std::lock_guard lock(mutex);
      open = std::move(responder);
    };
  }
  void finish() {
    const std::lock_guard lock(mutex);
    open->write("data: 2\n\n");
    open->finish();
  }
  std::mutex mutex;
  std::shared_ptr<Responder> open;
};

TEST(HttpServerDrain, FinishesRunningRequestsAndRefusesNewOnes) {
  OneStream stream;
  ServerOptions options = test_options();
  options.is_served_while_draining = [](const Request& head) { return head.path == "/health"; };
  const auto server = start_server(options, stream.handler());
  RawClient running(server->port());
  running.send(get("/stream"));
  running.read_until("data: 1\n\n");
  RawClient idle(server->port());
  idle.send(get("/"));
  EXPECT_EQ(idle.read_reply().status, 200);

  server->begin_drain();
  EXPECT_TRUE(idle.is_closed_within(seconds(5)));
  RawClient late(server->port());
  late.send(get("/"));
  const Reply refused = late.read_reply();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "5");
  EXPECT_EQ(refused.header("Connection"), "close");
  RawClient probe(server->port());
  probe.send(get("/health"));
  const Reply health = probe.read_reply();
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.header("Connection"), "close");

  EXPECT_FALSE(server->wait_drained(milliseconds(50)));
  stream.finish();
  EXPECT_TRUE(server->wait_drained(seconds(5)));
  EXPECT_EQ(running.read_until("0\r\n\r\n"), "\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  EXPECT_TRUE(running.is_closed_within(seconds(5)));
}

TEST(HttpServerDrain, AnIdleServerIsDrainedAtOnce) {
  OneStream stream;
  const auto server = start_server(test_options(), stream.handler());
  server->begin_drain();
  EXPECT_TRUE(server->wait_drained(seconds(5)));
}

TEST(HttpServerDrain, StopEndsTheWaitAndCutsRunningAnswers) {
  OneStream stream;
  const auto server = start_server(test_options(), stream.handler());
  RawClient running(server->port());
  running.send(get("/stream"));
  running.read_until("data: 1\n\n");
  server->begin_drain();
  std::thread second_signal([&] {
    std::this_thread::sleep_for(milliseconds(20));
    server->stop();
  });
  server->wait_drained(seconds(60));
  second_signal.join();
  EXPECT_TRUE(running.is_closed_within(seconds(5)));
}

TEST(HttpServerDrain, TheAddressIsFreeAfterwards) {
  OneStream stream;
  ServerOptions options = test_options();
  for (int i = 0; i < 3; ++i) {
    const auto server = start_server(options, stream.handler());
    options.port = server->port();
    RawClient client(server->port());
    client.send(get("/"));
    EXPECT_EQ(client.read_reply().status, 200);
  }
}

}  // namespace
}  // namespace braid::http
