// Clients that are slow, broken, greedy or hostile, over real sockets. None may harm the server or another client.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <sstream>
#include <thread>

#include "braid/server/http/open_files.h"
#include "braid/server/http/router.h"
#include "braid/server/http/server.h"
#include "tests/support/server/http/http_client.h"

namespace braid::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::echo;
using testing::eventually;
using testing::get;
using testing::post;
using testing::RawClient;
using testing::Reply;
using testing::start_server;
using testing::test_options;

// Counts the requests that reach the handler.
struct Counted {
  Handler handler() {
    return [this](Request request, const std::shared_ptr<Responder>& responder) {
      ++num_requests;
      echo(std::move(request), responder);
    };
  }
  std::atomic<int> num_requests = 0;
};

void expect_alive(const HttpServer& server) {
  RawClient client(server.port());
  client.send(get("/alive"));
  EXPECT_EQ(client.read_reply().body, "GET /alive ");
}

TEST(HttpServerLimits, SlowHeadersAreCutOff) {
  ServerOptions options = test_options();
  options.limits.header_timeout = milliseconds(200);
  Counted counted;
  const auto server = start_server(options, counted.handler());
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 20 && client.send("X"); ++i) std::this_thread::sleep_for(milliseconds(20));
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.body, "the request's headers took longer than 0.2 s\n");
  EXPECT_TRUE(client.is_closed_within(seconds(5)));
  EXPECT_EQ(counted.num_requests, 0);
}

TEST(HttpServerLimits, ASilentClientIsDisconnectedWithoutAnAnswer) {
  ServerOptions options = test_options();
  options.limits.header_timeout = milliseconds(100);
  options.limits.idle_timeout = milliseconds(100);
  const auto server = start_server(options, echo);
  RawClient mute(server->port());
  EXPECT_EQ(mute.read_until("\r\n\r\n"), "");
  RawClient idle(server->port());
  idle.send(get("/"));
  EXPECT_EQ(idle.read_reply().status, 200);
  EXPECT_EQ(idle.read_until("\r\n\r\n"), "");
  EXPECT_TRUE(idle.is_closed_within(seconds(5)));
}

TEST(HttpServerLimits, ARequestMayComeByteByByte) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  for (const char byte : post("/slow", "abc")) client.send(std::string(1, byte));
  EXPECT_EQ(client.read_reply().body, "POST /slow abc");
}

TEST(HttpServerLimits, HalfBodiesAreRefused) {
  ServerOptions options = test_options();
  options.limits.body_timeout = milliseconds(200);
  Counted counted;
  const auto server = start_server(options, counted.handler());
  const std::string half = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf";
  RawClient slow(server->port());
  slow.send(half);
  EXPECT_EQ(slow.read_reply().status, 408);
  RawClient ended(server->port());
  ended.send(half);
  ended.stop_sending();
  const Reply reply = ended.read_reply();
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "the request's body ended after 4 bytes, before its announced end\n");
  RawClient gone(server->port());
  gone.send(half);
  gone.reset();
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 0 && server->num_answers() == 0; }));
  EXPECT_EQ(counted.num_requests, 0);
}

TEST(HttpServerLimits, AnInvalidRequestIsAnsweredAndTheConnectionClosed) {
  Counted counted;
  const auto server = start_server(test_options(), counted.handler());
  const std::vector<std::pair<std::string, int>> cases{
      {"\x16\x03\x01\x02garbage\r\n\r\n", 400},
      {"{\"not\": \"http\"}\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nabc", 501},
      {"GET /../x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET //x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 400},
      {"GET /" + std::string(40'000, 'x') + " HTTP/1.1\r\n", 431},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient client(server->port());
    client.send(bytes);
    const Reply reply = client.read_reply();
    EXPECT_EQ(reply.status, status) << bytes.substr(0, 60);
    EXPECT_EQ(reply.header("Connection"), "close");
    client.stop_sending();
    EXPECT_TRUE(client.is_closed_within(seconds(5)));
  }
  EXPECT_EQ(counted.num_requests, 0);
  expect_alive(*server);
}

TEST(HttpServerLimits, BytesBeyondATooShortLengthAreAnInvalidRequest) {
  Counted counted;
  const auto server = start_server(test_options(), counted.handler());
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabcdef\r\n\r\n");
  EXPECT_EQ(client.read_reply().body, "POST / ab");
  EXPECT_EQ(client.read_reply().status, 400);
  EXPECT_EQ(counted.num_requests, 1);
}

TEST(HttpServerLimits, TenThousandHeadersAreTooMany) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 10'000 && client.send("X-" + std::to_string(i) + ": y\r\n"); ++i) continue;
  EXPECT_EQ(client.read_reply().status, 431);
  expect_alive(*server);
}

TEST(HttpServerLimits, AnAnnouncedBodyTooLargeIsRefusedBeforeItIsRead) {
  Counted counted;
  ServerOptions options = test_options();
  options.limits.max_body_bytes = 1'000'000;
  const auto server = start_server(options, counted.handler());
  RawClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\nExpect: 100-continue\r\n\r\n");
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "the request's body is larger than the 1000000 bytes allowed\n");
  RawClient fits(server->port());
  fits.send(post("/", std::string(1'000'000, 'x')));
  EXPECT_EQ(fits.read_reply().body.size(), 1'000'007U);
  EXPECT_EQ(counted.num_requests, 1);
}

TEST(HttpServerLimits, AClientThatSendsAHundredMegabytesAnywayStillGetsTheAnswer) {
  ServerOptions options = test_options();
  options.limits.max_body_bytes = 1'000'000;
  options.limits.linger_timeout = seconds(20);
  const auto server = start_server(options, echo);
  const std::string megabyte(1'000'000, 'x');
  RawClient announced(server->port());
  announced.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(announced.send(megabyte));
  EXPECT_EQ(announced.read_reply().status, 413);
  RawClient chunked(server->port());
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(chunked.send("f4240\r\n" + megabyte + "\r\n"));
  EXPECT_EQ(chunked.read_reply().status, 413);
}

TEST(HttpServerLimits, AllBodiesTogetherHaveALimitToo) {
  ServerOptions options = test_options();
  options.limits.max_bodies_bytes = 100'000;
  const auto server = start_server(options, echo);
  std::optional<RawClient> first(server->port());
  first->send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80001\r\n\r\n" + std::string(80'000, 'x'));
  ASSERT_TRUE(eventually([&] { return server->num_answers() == 1; }));
  RawClient second(server->port());
  ASSERT_TRUE(eventually([&] {
    RawClient probe(server->port());  // until the first body has been read
    probe.send(post("/", std::string(30'000, 'x')));
    return probe.read_reply().status == 503;
  }));
  first->send("x");
  EXPECT_EQ(first->read_reply().body.size(), 80'008U);
  second.send(post("/", std::string(80'000, 'x')));
  EXPECT_EQ(second.read_reply().status, 200) << "the room is given back";
}

TEST(HttpServerLimits, ABodyCountsUntilItsHandlerIsDoneWithIt) {
  ServerOptions options = test_options();
  options.limits.max_bodies_bytes = 100'000;
  std::mutex mutex;
  std::vector<Request> waiting;
  const auto server = start_server(options, [&](Request request, const std::shared_ptr<Responder>& responder) {
    {
      const std::lock_guard lock(mutex);
      waiting.push_back(std::move(request));
    }
    responder->respond({.body = "taken"});
  });
  const auto status_of = [&](size_t body_bytes) {
    RawClient client(server->port());
    client.send(post("/", std::string(body_bytes, 'x')));
    return client.read_reply().status;
  };
  EXPECT_EQ(status_of(80'000), 200);
  EXPECT_EQ(status_of(30'000), 503);
  // A body that was refused counts until its connection is closed.
  EXPECT_TRUE(eventually([&] { return status_of(10'000) == 200; }));
  EXPECT_EQ(status_of(30'000), 503) << "small ones count too";
  {
    const std::lock_guard lock(mutex);
    waiting.clear();
  }
  EXPECT_TRUE(eventually([&] { return status_of(80'000) == 200; }));
}

TEST(HttpServerLimits, AWrongPathOrMethodIsRefusedBeforeTheBodyIsRead) {
  ServerOptions options = test_options();
  auto router = std::make_shared<Router>();
  router->add("POST", "/right", echo);
  options.check_head = [router](const Request& head) { return router->check(head); };
  const auto server = start_server(options, [router](Request request, std::shared_ptr<Responder> responder) {
    router->handle(std::move(request), std::move(responder));
  });
  for (const auto& [line, status] : {std::pair("POST /wrong", 404), std::pair("PUT /right", 405)}) {
    RawClient client(server->port());
    client.send(std::string(line) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, status);
  }
  RawClient client(server->port());
  client.send("GET /wrong HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS /right HTTP/1.1\r\nHost: h\r\n\r\n" + post("/right", "x"));
  EXPECT_EQ(client.read_reply().status, 404);
  EXPECT_EQ(client.read_reply().header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(client.read_reply().body, "POST /right x") << "without a body the connection goes on";
}

TEST(HttpServerLimits, AMissingKeyIsRefusedBeforeTheBodyIsRead) {
  Counted counted;
  ServerOptions options = test_options();
  options.guard = {.api_keys = {"key"},
                   .is_free = [](const Request& head) { return head.path == "/health"; },
                   .allowed_origins = {"https://a.example"}};
  const auto server = start_server(options, counted.handler());
  RawClient without(server->port());
  without.send("POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nContent-Length: 1000000\r\n\r\n");
  const Reply refused = without.read_reply();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), "https://a.example") << "the page may see why";
  EXPECT_EQ(counted.num_requests, 0);
  RawClient with(server->port());
  with.send(post("/", "x", "Authorization: Bearer key\r\n") + get("/health") + get("/metrics"));
  EXPECT_EQ(with.read_reply().status, 200);
  EXPECT_EQ(with.read_reply().status, 200);
  EXPECT_EQ(with.read_reply().status, 401);
  RawClient page(server->port());
  page.send(
      "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(page.read_reply().status, 204);
}

TEST(HttpServerLimits, AConnectionBeyondTheLimitIsRefusedWith503) {
  ServerOptions options = test_options();
  options.limits.max_connections = 3;
  const auto server = start_server(options, echo);
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get("/"));
    EXPECT_EQ(clients.back().read_reply().status, 200);
  }
  RawClient refused(server->port());
  refused.send(get("/"));
  const Reply reply = refused.read_reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("Retry-After"), "1");
  EXPECT_EQ(reply.body, "the server has the 3 connections it allows already\n");
  refused.close();
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    RawClient next(server->port());
    next.send(get("/"));
    return next.read_reply().status == 200;
  }));
}

TEST(HttpServerLimits, AFloodOfConnectionsIsSurvived) {
  ServerOptions options = test_options();
  options.limits.max_connections = 50;
  const auto server = start_server(options, echo);
  std::vector<RawClient> held;
  for (int i = 0; i < 1000; ++i) {
    RawClient client(server->port());
    if (i % 3 == 0) client.send(get("/").substr(0, static_cast<size_t>(i % 40)));
    if (i % 5 == 0) {
      client.reset();
    } else if (i % 7 == 0) {
      held.push_back(std::move(client));
    }
  }
  held.clear();
  // Some still wait to be accepted: for a moment no client can connect, and in the next there may be too many again.
  EXPECT_TRUE(eventually([&] {
    RawClient client(server->port());
    client.send(get("/alive"));
    return client.read_reply().body == "GET /alive ";
  }));
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 0; }));
}

TEST(HttpServerLimits, AThousandConnectionsIdleAtOnceLeaveRoomForOthers) {
  const auto server = start_server(test_options(), echo);
  std::vector<RawClient> idle;
  for (int i = 0; i < 1000; ++i) idle.emplace_back(server->port());
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 1000; }));
  expect_alive(*server);
  for (RawClient& client : idle) client.send(get("/"));
  for (RawClient& client : idle) EXPECT_EQ(client.read_reply().status, 200);
}

TEST(HttpServerLimits, AClientThatNeverReadsItsAnswerIsDisconnected) {
  ServerOptions options = test_options();
  options.limits.write_timeout = milliseconds(1000);  // slower than any reader, even under ThreadSanitizer
  const auto server = start_server(options, [](Request, const std::shared_ptr<Responder>& responder) {
    responder->respond({.body = std::string(20'000'000, 'x')});
  });
  RawClient deaf(server->port(), 4096);
  deaf.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->num_answers() == 1; }));
  EXPECT_TRUE(eventually([&] { return server->num_answers() == 0 && server->num_connections() == 0; }));
  RawClient reader(server->port());
  reader.send(get("/"));
  EXPECT_EQ(reader.read_reply().body.size(), 20'000'000U);
}

TEST(HttpServerLimits, AClientThatLeavesWhileItsAnswerIsWrittenEndsNothingButItself) {
  const auto server = start_server(test_options(), [](Request, const std::shared_ptr<Responder>& responder) {
    responder->respond({.body = std::string(5'000'000, 'x')});
  });
  for (int i = 0; i < 20; ++i) {
    RawClient client(server->port());
    client.send(get("/") + get("/"));
    client.read_until("\r\n\r\n");
    i % 2 == 0 ? client.reset() : client.close();
  }
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 0 && server->num_answers() == 0; }));
}

TEST(HttpServerLimits, AHalfClosedClientStillGetsAnImmediateAnswer) {
  const auto server = start_server(test_options(), echo);
  RawClient client(server->port());
  client.send(get("/"));
  client.stop_sending();
  EXPECT_EQ(client.read_reply().status, 200);
}

// Not under UBSan: its check of virtual calls asks a pipe whether memory can be read, and takes "no files" for "no".
#if !defined(__SANITIZE_ADDRESS__)
TEST(HttpServerLimits, RunningOutOfFilesIsSurvived) {
  const auto server = start_server(test_options(), echo);
  expect_alive(*server);
  ASSERT_TRUE(eventually([&] { return server->num_connections() == 0; }));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int lowest_free = ::dup(client);
  ::close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(server->num_connections(), 0U);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 1; }));
  ::close(client);
}
#endif

TEST(HttpServerLimits, TheSoftLimitOfFilesIsRaisedAsFarAsAllowed) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_open_files(300), 300U);
  EXPECT_EQ(raise_open_files(100), 300U) << "never lowered";
  EXPECT_EQ(raise_open_files(size_t{1} << 40), static_cast<size_t>(before.rlim_max));
  EXPECT_EQ(most_open_files(), static_cast<size_t>(before.rlim_max));
  setrlimit(RLIMIT_NOFILE, &before);
}

void start_with_few_files() {
  const rlimit low{.rlim_cur = 400, .rlim_max = 400};
  setrlimit(RLIMIT_NOFILE, &low);
  const auto logger = make_stderr_logger("info");
  const auto server = HttpServer::start(test_options(), echo, logger);
  logger->flush();
  std::exit(server.ok() ? 0 : 1);
}

TEST(HttpServerLimitsDeathTest, AHardLimitTooLowIsLoggedAtStart) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      start_with_few_files(), ::testing::ExitedWithCode(0),
      "4096 connections need 4352 open files, but this process may have 400: at most 144 connections are served");
}

TEST(HttpServerLimits, TheAccessLogHasOneEscapedLineARequest) {
  std::ostringstream lines;
  const auto logger = std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  logger->set_level(spdlog::level::debug);
  logger->set_pattern("%v");
  auto server = HttpServer::start(test_options(), echo, logger);
  {
    RawClient client((*server)->port());
    client.send("GET /\xC3\xA9%22?key=secret HTTP/1.1\r\nHost: h\r\n\r\n" + post("/v1", "abc"));
    EXPECT_EQ(client.read_reply().status, 200);
    EXPECT_EQ(client.read_reply().status, 200);
  }
  (*server)->stop();
  const std::string log = lines.str();
  EXPECT_EQ(std::ranges::count(log, '\n'), 2) << log;
  EXPECT_NE(log.find(" \"GET /\\xc3\\xa9\\\"\" 200 9 bytes "), std::string::npos) << log;
  EXPECT_NE(log.find("http: 127.0.0.1:"), std::string::npos) << log;
  EXPECT_EQ(log.find("secret"), std::string::npos) << log;
}

}  // namespace
}  // namespace braid::http
