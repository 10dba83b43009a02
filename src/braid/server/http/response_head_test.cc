#include "braid/server/http/response_head.h"

#include <gtest/gtest.h>

namespace braid::http {
namespace {

bool has_line(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

TEST(ResponseHead, SaysHowTheBodyIsFramed) {
  EXPECT_TRUE(response_head({}, {.content_length = 7}, {}).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(has_line(response_head({}, {.content_length = 7}, {}), "Content-Length: 7"));
  EXPECT_TRUE(has_line(response_head({}, {.framing = BodyFraming::kChunked}, {}), "Transfer-Encoding: chunked"));
  const std::string empty = response_head({.status = 304}, {}, {});
  EXPECT_EQ(empty.find("\r\nContent-"), std::string::npos);
  EXPECT_TRUE(has_line(response_head({}, {.keep_alive = false}, {}), "Connection: close"));
}

TEST(ResponseHead, ItsOwnHeadersYieldToTheHandlers) {
  const std::vector<Header> more{{"Vary", "Origin"}};
  const std::string head =
      response_head({.headers = {{"cache-control", "max-age=60"}, {"Retry-After", "5"}}}, {}, more);
  EXPECT_TRUE(has_line(head, "cache-control: max-age=60"));
  EXPECT_EQ(head.find("no-store"), std::string::npos);
  EXPECT_TRUE(has_line(head, "Retry-After: 5"));
  EXPECT_TRUE(has_line(head, "Vary: Origin"));
  EXPECT_TRUE(has_line(head, "X-Content-Type-Options: nosniff"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST(ResponseHead, AValueCannotBeginANewHeader) {
  const std::string head = response_head({.headers = {{"X-Request-Id", "a\r\nSet-Cookie: b\x7F"}}}, {}, {});
  EXPECT_TRUE(has_line(head, "X-Request-Id: a  Set-Cookie: b "));
}

}  // namespace
}  // namespace braid::http
