// Streams: what clients see, and how streams end when a client leaves or does not read.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "braid/server/http/server.h"
#include "tests/support/server/http/http_client.h"

namespace braid::http {
namespace {

using std::chrono::milliseconds;
using testing::eventually;
using testing::get;
using testing::RawClient;
using testing::Reply;
using testing::start_server;
using testing::test_options;

// Keeps every responder, so that the test can write to it.
struct Streams {
  Handler handler() {
    return [this](Request request, std::shared_ptr<Responder> responder) {
      responder->on_gone([this] { ++num_gone; });
      responder->start_stream({.content_type = "text/event-stream", .body = request.body});
      const std::lock_guard lock(mutex);
      all.push_back(std::move(responder));
    };
  }
  std::shared_ptr<Responder> at(size_t index) {
    const bool is_there = eventually([&] {
      const std::lock_guard lock(mutex);
      return all.size() > index;
    });
    CHECK(is_there);
    const std::lock_guard lock(mutex);
    return all[index];
  }
  void forget() {
    const std::lock_guard lock(mutex);
    all.clear();
  }

  std::mutex mutex;
  std::vector<std::shared_ptr<Responder>> all;
  std::atomic<int> num_gone = 0;
};

TEST(HttpServerStream, ArrivesInPiecesAndKeepsTheConnection) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  client.send(get("/"));
  EXPECT_NE(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  streams.at(0)->write("data: 1\n\n");
  client.read_until("data: 1\n\n");
  streams.at(0)->write("data: 2\n\n");
  client.read_until("data: 2\n\n");
  streams.at(0)->finish();
  client.read_until("0\r\n\r\n");

  client.send(get("/"));
  streams.at(1)->write("data: 3\n\n");
  streams.at(1)->write("data: 4\n\n");
  streams.at(1)->finish();
  const Reply reply = client.read_reply();
  EXPECT_TRUE(reply.is_complete);
  EXPECT_EQ(reply.body, "data: 3\n\ndata: 4\n\n");
  EXPECT_EQ(reply.header("X-Accel-Buffering"), "no");
  EXPECT_EQ(streams.num_gone, 0);
}

TEST(HttpServerStream, AnHttp10ClientGetsNoChunksAndTheConnectionCloses) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  streams.at(0)->write("data: 1\n\n");
  streams.at(0)->finish();
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.header("Transfer-Encoding"), "");
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_EQ(reply.body, "data: 1\n\n");
}

TEST(HttpServerStream, SilenceIsFilledWithCommentsBetweenEventsOnly) {
  ServerOptions options = test_options();
  options.limits.first_comment = milliseconds(20);
  options.limits.comment_interval = milliseconds(100);
  Streams streams;
  const auto server = start_server(options, streams.handler());
  RawClient client(server->port());
  client.send(get("/"));
  client.read_until("\r\n\r\n");
  EXPECT_EQ(client.read_until("\n\n"), "e\r\n: keep-alive\n\n");
  EXPECT_EQ(client.read_until("\n\n"), "\r\ne\r\n: keep-alive\n\n");
  streams.at(0)->write("data: half an ");
  client.read_until("half an \r\n");
  EXPECT_FALSE(client.receive(milliseconds(300)));
  streams.at(0)->write("event\n\n");
  EXPECT_EQ(client.read_until("event\n\n"), "7\r\nevent\n\n");
  client.read_until(": keep-alive\n\n");
  streams.at(0)->finish();
}

TEST(HttpServerStream, NoCommentComesBeforeAnEventThatIsThereAtOnce) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  client.send(testing::post("/", "data: first\n\n"));
  streams.at(0)->finish();
  EXPECT_EQ(client.read_reply().body, "data: first\n\n");
}

TEST(HttpServerStream, AnUnfinishedStreamIsVisiblyCutOff) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  client.send(get("/"));
  streams.at(0)->write("data: 1\n\n");
  streams.forget();
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.body, "data: 1\n\n");
  EXPECT_FALSE(reply.is_complete);
}

TEST(HttpServerStream, AHeadRequestGetsNoBodyAndIsComplete) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/"));
  EXPECT_EQ(client.read_reply(true).status, 200);
  streams.at(0)->write("data: never\n\n");
  streams.at(1)->finish();
  EXPECT_EQ(client.read_reply().body, "");
}

TEST(HttpServerStream, AClientThatLeavesIsNoticedWithinASecondThoughNothingIsWritten) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  for (const bool by_reset : {false, true}) {
    RawClient client(server->port());
    client.send(get("/"));
    streams.at(by_reset ? 1 : 0);
    client.read_until("\r\n\r\n");
    by_reset ? client.reset() : client.close();
    EXPECT_TRUE(eventually([&] { return streams.num_gone == (by_reset ? 2 : 1); }, milliseconds(1000)));
  }
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 0; }));
  streams.at(0)->write("does nothing");
  streams.at(0)->finish();
}

TEST(HttpServerStream, AClientThatPipelinedAFloodAndLeftIsNoticed) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  RawClient client(server->port());
  std::string flood = get("/");
  while (flood.size() < 120'000) flood += get("/");
  client.send(flood);
  streams.at(0);
  client.stop_sending();
  EXPECT_TRUE(eventually([&] { return streams.num_gone == 1; }, milliseconds(1000)));
}

TEST(HttpServerStream, AClientThatNeverReadsIsDisconnectedAndOthersAreNot) {
  ServerOptions options = test_options();
  options.limits.stream_buffer_bytes = 64 * 1024;
  options.limits.write_timeout = milliseconds(300);
  Streams streams;
  const auto server = start_server(options, streams.handler());
  RawClient deaf(server->port(), 4096);
  deaf.send(get("/"));
  const auto to_deaf = streams.at(0);
  RawClient reader(server->port());
  reader.send(get("/"));
  const auto to_reader = streams.at(1);
  reader.read_until("\r\n\r\n");

  const std::string event = "data: " + std::string(1000, 'x') + "\n\n";
  int num_events = 0;
  while (streams.num_gone == 0 && num_events < 5000) {
    to_deaf->write(event);
    to_reader->write(event);
    reader.read_until(event);
    ++num_events;
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(streams.num_gone, 1);
  to_reader->finish();
  reader.read_until("0\r\n\r\n");
  EXPECT_EQ(streams.num_gone, 1);
}

TEST(HttpServerStream, ManyTimesTheBufferAtOnceDisconnectsTheClient) {
  ServerOptions options = test_options();
  options.limits.stream_buffer_bytes = 16 * 1024;
  Streams streams;
  const auto server = start_server(options, streams.handler());
  RawClient deaf(server->port(), 4096);
  deaf.send(get("/"));
  const auto stream = streams.at(0);
  const std::string bytes(64 * 1024, 'x');
  EXPECT_TRUE(eventually([&] {
    stream->write(bytes);
    return streams.num_gone == 1;
  }));
}

TEST(HttpServerStream, AWriteLargerThanTheBufferIsSentWhole) {
  ServerOptions options = test_options();
  options.limits.stream_buffer_bytes = 1024;
  options.limits.write_timeout = std::chrono::seconds(60);
  Streams streams;
  const auto server = start_server(options, streams.handler());
  RawClient client(server->port());
  client.send(get("/"));
  std::string bytes(2'000'000, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 23);
  streams.at(0)->write(bytes);
  streams.at(0)->finish();
  EXPECT_TRUE(client.read_reply().body == bytes);
  EXPECT_EQ(streams.num_gone, 0);
}

TEST(HttpServerStream, ALongEventMayTakeLongerThanTheWriteTimeoutIfItIsRead) {
  ServerOptions options = test_options();
  options.limits.stream_buffer_bytes = 1024;
  options.limits.write_timeout = std::chrono::seconds(1);
  Streams streams;
  const auto server = start_server(options, streams.handler());
  RawClient client(server->port(), 16 * 1024);
  client.send(get("/"));
  const std::string event(20'000'000, 'x');
  streams.at(0)->write(event);
  EXPECT_FALSE(streams.at(0)->has_room());
  // The kernel lets the server write again when a third of the waiting bytes is gone: in a fraction of a second at this
  // pace.
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 8; ++j) ASSERT_TRUE(client.receive());
    ::poll(nullptr, 0, 50);
  }
  EXPECT_EQ(streams.num_gone, 0);
  EXPECT_FALSE(streams.at(0)->has_room());
  streams.at(0)->finish();
  EXPECT_EQ(client.read_reply().body.size(), event.size());
}

TEST(HttpServerStream, AThousandAreOpenAtOnceOnTwoThreads) {
  Streams streams;
  const auto server = start_server(test_options(), streams.handler());
  constexpr int kClients = 1000;
  std::vector<RawClient> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(server->port());
    ASSERT_TRUE(clients.back().is_connected()) << i;
    clients.back().send(testing::post("/", "data: " + std::to_string(i) + "\n\n"));
  }
  streams.at(kClients - 1);
  EXPECT_EQ(server->num_answers(), static_cast<size_t>(kClients));
  for (int i = 0; i < kClients; ++i) streams.at(i)->write("data: more\n\n");
  for (int i = 0; i < kClients; ++i) streams.at(i)->finish();
  for (int i = 0; i < kClients; ++i) {
    EXPECT_EQ(clients[i].read_reply().body, "data: " + std::to_string(i) + "\n\ndata: more\n\n");
  }
  EXPECT_EQ(streams.num_gone, 0);
}

}  // namespace
}  // namespace braid::http
