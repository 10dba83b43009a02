// Well-behaved clients over real sockets.
#include "braid/server/http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/server/http/http_client.h"

namespace braid::http {
namespace {

using testing::echo;
using testing::eventually;
using testing::get;
using testing::post;
using testing::RawClient;
using testing::Reply;
using testing::start_server;
using testing::test_options;

TEST(HttpServer, AnswersARequestOnTheSameConnectionAgainAndAgain) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.send(post("/v1/echo", "hello " + std::to_string(i)));
    const Reply reply = client.read_reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "POST /v1/echo hello " + std::to_string(i));
    EXPECT_EQ(reply.header("Content-Type"), "text/plain");
    EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.header("Cache-Control"), "no-store");
    EXPECT_EQ(reply.header("Connection"), "");
    EXPECT_FALSE(reply.header("Date").empty());
  }
  EXPECT_EQ(server->num_connections(), 1U);
}

TEST(HttpServer, PassesTheWholeRequestToTheHandler) {
  const auto server = start_server(test_options(), [](Request request, const auto& responder) {
    responder->respond({.body = request.path + "|" + request.query + "|" + std::string(*request.header("x-TEST")) +
                                "|" + request.client.substr(0, request.client.find(':')) + "|" + request.body});
  });
  RawClient client(server->port());
  client.send(
      "PUT /a%20b/%C3%A9?x=%31&y HTTP/1.1\r\nHost: h\r\nX-Test:  v \r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=\"q\"\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "/a b/é|x=%31&y|v|127.0.0.1|abcdefg");
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "\r\n" + post("/", std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.read_reply().body, "POST / " + std::to_string(i));
}

TEST(HttpServer, ClosesIfAskedAndKeepsAnHttp10ConnectionOnlyIfAsked) {
  const auto server = start_server(test_options(), echo);
  RawClient closing(server->port());
  closing.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(closing.read_reply().header("Connection"), "close");
  EXPECT_TRUE(closing.is_closed_within(std::chrono::seconds(5)));

  RawClient old(server->port());
  old.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(old.read_reply().header("Connection"), "keep-alive");
  old.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.read_reply().body, "GET /old ");
  EXPECT_TRUE(old.is_closed_within(std::chrono::seconds(5)));
}

TEST(HttpServer, HeadGetsTheLengthAndNoBody) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + get("/y"));
  const Reply head = client.read_reply(true);
  EXPECT_EQ(head.header("Content-Length"), "8");
  EXPECT_EQ(client.read_reply().body, "GET /y ");
}

TEST(HttpServer, AnAnswerWithoutContentHasNoLength) {
  const auto server = start_server(test_options(), [](Request, const auto& responder) {
    responder->respond({.status = 204, .body = "never seen"});
  });
  RawClient client(server->port());
  client.send(get("/") + get("/"));
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("Content-Length"), "");
  EXPECT_EQ(client.read_reply().status, 204);
}

TEST(HttpServer, SaysContinueBeforeTheBodyIsSent) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read_reply().body, "POST / body");
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: a-miracle\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 417);
}

TEST(HttpServer, AHandlerMayAnswerLaterFromAnotherThread) {
  std::thread later;
  const auto server = start_server(test_options(), [&](Request, std::shared_ptr<Responder> responder) {
    later = std::thread([responder = std::move(responder)] { responder->respond({.body = "late"}); });
  });
  RawClient client(server->port());
  client.send(get("/"));
  EXPECT_EQ(client.read_reply().body, "late");
  later.join();
}

TEST(HttpServer, AHandlerThatForgetsOrThrowsIsAnsweredWith500) {
  const auto server = start_server(test_options(), [](Request request, const auto&) {
    if (request.path == "/throw") throw std::runtime_error("oops");
  });
  RawClient client(server->port());
  client.send(get("/forget") + get("/throw"));
  EXPECT_EQ(client.read_reply().status, 500);
  EXPECT_EQ(client.read_reply().status, 500);
}

TEST(HttpServer, ErrorsHaveTheFormattersBody) {
  ServerOptions options = test_options();
  options.format_error = [](int status, std::string_view message) {
    return Response{.body = "{" + std::to_string(status) + ": " + std::string(message) + "}"};
  };
  const auto server = start_server(options, echo);
  RawClient client(server->port());
  client.send("GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "{400: the path has a \"..\" segment}");
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
}

TEST(HttpServer, AnAddressInUseIsAnError) {
  const auto server = start_server(test_options(), echo);
  ServerOptions options = test_options();
  options.port = server->port();
  const auto second = HttpServer::start(options, echo, make_null_logger());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message,
            "127.0.0.1:" + std::to_string(server->port()) +
                " is in use by another program: choose another port, or 0 for any that is free");
}

TEST(HttpServer, AnUnknownHostIsAnError) {
  ServerOptions options = test_options();
  options.host = "no.such.host.invalid";
  const auto server = HttpServer::start(options, echo, make_null_logger());
  ASSERT_FALSE(server.ok());
  EXPECT_TRUE(
      server.error().message.starts_with("host \"no.such.host.invalid\" is neither an address nor a known name"))
      << server.error().message;
}

TEST(HttpServer, ServesBothFamiliesOnTheUnspecifiedAddress) {
  ServerOptions options = test_options();
  options.host = "::";
  const auto server = HttpServer::start(options, echo, make_null_logger());
  if (!server.ok()) GTEST_SKIP() << "no IPv6 here: " << server.error().message;
  EXPECT_EQ((*server)->url(), "http://[::]:" + std::to_string((*server)->port()));
  RawClient client((*server)->port());
  client.send(get("/"));
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpServer, StopsWithConnectionsOpenAndAnswersPending) {
  std::atomic<int> num_gone = 0;
  std::vector<std::shared_ptr<Responder>> pending;
  auto server = start_server(test_options(), [&](Request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { ++num_gone; });
    pending.push_back(std::move(responder));
  });
  RawClient idle(server->port());
  RawClient waiting(server->port());
  waiting.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->num_answers() == 1 && server->num_connections() == 2; }));
  server->stop();
  EXPECT_EQ(num_gone, 1);
  EXPECT_TRUE(waiting.is_closed_within(std::chrono::seconds(5)));
  EXPECT_TRUE(idle.is_closed_within(std::chrono::seconds(5)));
  server.reset();
  pending.front()->respond({.body = "too late"});  // has no effect
}

}  // namespace
}  // namespace braid::http
