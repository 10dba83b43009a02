#include "braid/server/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "braid/base/check.h"

namespace braid::http {
namespace {

struct Outcome {
  int error = 0;  // 0: none
  std::string message = {};
  bool is_complete = false;
  Request request = {};
  size_t num_taken = 0;
};

// Parses the bytes in pieces of `step`, as they arrive on a connection.
Outcome parse(std::string_view bytes, const Limits& limits = {}, size_t step = std::string_view::npos) {
  RequestParser parser(limits);
  std::string input;
  Outcome outcome;
  while (!parser.error() && !(parser.has_head() && parser.is_complete())) {
    const size_t before = input.size();
    const size_t taken = parser.has_head() ? parser.read_body(input) : parser.read_head(input);
    input.erase(0, taken);
    outcome.num_taken += taken;
    if (taken > 0) continue;
    if (bytes.empty()) break;
    input += bytes.substr(0, step);
    bytes.remove_prefix(std::min(bytes.size(), step));
    CHECK(input.size() > before);
  }
  if (parser.error()) {
    outcome.error = parser.error()->status;
    outcome.message = parser.error()->message;
  } else {
    outcome.is_complete = parser.has_head() && parser.is_complete();
  }
  outcome.request = parser.take_request();
  return outcome;
}

std::string head(std::string_view fields) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

TEST(RequestParser, EverySplitOfTheBytesGivesTheSameRequest) {
  const std::string bytes =
      "POST /a?b HTTP/1.1\r\nHost: h\r\nX-Folded: a\r\n b\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t step = 1; step <= bytes.size(); ++step) {
    const Outcome outcome = parse(bytes + "GET", {}, step);
    ASSERT_TRUE(outcome.is_complete) << step << ": " << outcome.message;
    EXPECT_EQ(outcome.num_taken, bytes.size()) << step;
    EXPECT_EQ(outcome.request.method, "POST");
    EXPECT_EQ(outcome.request.path, "/a");
    EXPECT_EQ(outcome.request.query, "b");
    EXPECT_EQ(outcome.request.body, "hello, world");
    EXPECT_EQ(outcome.request.header("x-folded"), "a b");
    EXPECT_EQ(outcome.request.headers.size(), 3U) << "a trailer is no header";
  }
}

TEST(RequestParser, StopsBehindTheHead) {
  const Limits limits;
  RequestParser parser(limits);
  const std::string bytes = head("Content-Length: 4\r\n") + "body";
  size_t taken = 0;
  while (!parser.has_head()) taken += parser.read_head(std::string_view(bytes).substr(taken));
  EXPECT_EQ(taken, bytes.size() - 4);
  EXPECT_FALSE(parser.is_complete());
  EXPECT_EQ(parser.announced_body(), 4U);
  EXPECT_EQ(parser.read_body("bo"), 2U);
  EXPECT_FALSE(parser.is_complete());
  EXPECT_EQ(parser.read_body("dyGET"), 2U);
  EXPECT_TRUE(parser.is_complete());
}

TEST(RequestParser, AnAnnouncedLengthTakesNoMemory) {
  const Limits limits;
  RequestParser parser(limits);
  parser.read_head(head("Content-Length: 60000000\r\n"));
  ASSERT_TRUE(parser.has_head());
  parser.read_body("x");
  EXPECT_LT(parser.request().body.capacity(), 1000U);
}

TEST(RequestParser, RefusesLengthsThatAreAmbiguous) {
  for (const std::string_view fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: -1\r\n",
        "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length: five\r\n", "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 5\r\n", "Content Length: 5\r\n"}) {
    EXPECT_EQ(parse(head(fields) + "hello").error, 400) << fields;
  }
  for (const std::string_view fields :
       {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n"}) {
    EXPECT_EQ(parse(head(fields) + "hello").error, 501) << fields;
  }
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").error, 400);
}

TEST(RequestParser, RefusesBrokenChunks) {
  for (const std::string_view body :
       {"x\r\n", "-1\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\nhello\r\n", "5 ;\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n", "0\r\nbad trailer\r\n\r\n", "\r\n"}) {
    EXPECT_EQ(parse(head("Transfer-Encoding: chunked\r\n") + std::string(body)).error, 400) << body;
  }
}

TEST(RequestParser, RefusesBrokenLines) {
  for (const std::string_view bytes :
       {"GET  / HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "G\x01T / HTTP/1.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03 not TLS here\r\n\r\n",
        "{\"model\": \"x\"}\r\n\r\n"}) {
    EXPECT_EQ(parse(bytes).error, 400) << bytes;
  }
}

TEST(RequestParser, RefusesOtherVersions) {
  for (const std::string_view version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/x.1", "http/1.1", "FTP/1.1."}) {
    EXPECT_EQ(parse("GET / " + std::string(version) + "\r\nHost: h\r\n\r\n").error, 505) << version;
  }
  EXPECT_EQ(parse("GET / HTTP/1.1\n\n").error, 505) << "a line feed alone ends no line";
  EXPECT_EQ(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").error, 505);
}

TEST(RequestParser, RequiresOneValidHost) {
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n").error, 400);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").error, 400);
  for (const std::string_view host : {"a b", "a/b", "user@a", "a\\b", "a#b", "\xC3\xA9?"}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").error, 400) << host;
  }
  for (const std::string_view host : {"", "localhost", "127.0.0.1:30000", "[::1]:30000"}) {
    EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").is_complete) << host;
  }
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\n\r\n").is_complete);
}

TEST(RequestParser, RefusesPathTricks) {
  for (const std::string_view path : {"/../x", "//x", "/%00", "/%2e%2e/x", "x"}) {
    EXPECT_EQ(parse("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n").error, 400) << path;
  }
  EXPECT_EQ(parse("GET * HTTP/1.1\r\nHost: h\r\n\r\n").error, 400);
  EXPECT_TRUE(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").is_complete);
}

TEST(RequestParser, RefusesHeadsBeyondTheLimitsInEverySplit) {
  const Limits limits{.max_header_bytes = 200, .max_headers = 5};
  for (const size_t step : {size_t{1}, size_t{7}, size_t{64}, size_t{1} << 20}) {
    EXPECT_EQ(parse(head("A: " + std::string(300, 'a') + "\r\n"), limits, step).error, 431) << step;
    EXPECT_EQ(parse("GET /" + std::string(300, 'a'), limits, step).error, 431) << step;
    EXPECT_EQ(parse(head("A: " + std::string(90, 'a') + "\r\nB: " + std::string(90, 'b') + "\r\n"), limits, step).error,
              431)
        << step << ": each line fits, together they do not";
    EXPECT_EQ(parse(head("A:\r\nB:\r\nC:\r\nD:\r\nE:\r\n"), limits, step).error, 431) << step << ": six of five";
    EXPECT_TRUE(parse(head("A:\r\nB:\r\nC:\r\nD:\r\n"), limits, step).is_complete) << step;
    const std::string fits = head("A: " + std::string(200 - head("A: \r\n").size(), 'a') + "\r\n");
    ASSERT_EQ(fits.size(), 200U);
    EXPECT_TRUE(parse(fits, limits, step).is_complete) << step;
    EXPECT_TRUE(parse(fits + std::string(1000, 'x'), limits, step).is_complete) << step << ": what follows is no head";
  }
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "A: b\r\n";
  EXPECT_EQ(parse(head(many)).error, 431);
}

TEST(RequestParser, RefusesBodiesBeyondTheLimitAndNamesIt) {
  const Limits limits{.max_header_bytes = 300, .max_body_bytes = 10};
  EXPECT_TRUE(parse(head("Content-Length: 10\r\n") + "0123456789", limits).is_complete);
  const Outcome announced = parse(head("Content-Length: 11\r\n"), limits);
  EXPECT_EQ(announced.error, 413);
  EXPECT_EQ(announced.message, "the request's body is larger than the 10 bytes allowed");
  EXPECT_EQ(announced.request.path, "/x");
  const std::string chunked = head("Transfer-Encoding: chunked\r\n");
  EXPECT_TRUE(parse(chunked + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", limits).is_complete);
  EXPECT_EQ(parse(chunked + "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n", limits).error, 413);
  EXPECT_EQ(parse(chunked + "ffffffffffffffff\r\n", limits).error, 413);
  for (const size_t step : {size_t{1}, size_t{50}, size_t{1} << 20}) {
    EXPECT_NE(parse(chunked + "1;x=\"" + std::string(500, 'x'), limits, step).error, 0) << "an endless extension";
    EXPECT_NE(parse(chunked + "0\r\nA: " + std::string(500, 'x'), limits, step).error, 0) << "an endless trailer";
  }
}

TEST(RequestParser, RefusesUnsupportedExpectationsAndEncodings) {
  EXPECT_EQ(parse(head("Expect: miracles\r\n")).error, 417);
  EXPECT_EQ(parse(head("Content-Encoding: gzip\r\nContent-Length: 1\r\n") + "x").error, 415);
  EXPECT_TRUE(parse(head("Content-Encoding: identity\r\nContent-Length: 1\r\n") + "x").is_complete);
}

TEST(RequestParser, MessagesCarryNoClientBytesUnescaped) {
  const Outcome outcome = parse(head("Transfer-Encoding: \xff\x80\r\n"));
  EXPECT_EQ(outcome.message, "Transfer-Encoding \\xff\\x80 is not supported, only chunked");
}

}  // namespace
}  // namespace braid::http
