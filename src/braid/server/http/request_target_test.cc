#include "braid/server/http/request_target.h"

#include <gtest/gtest.h>

namespace braid::http {
namespace {

TEST(RequestTarget, IsDecodedOnceAndSplitFromItsQuery) {
  const auto target = parse_request_target("/v1/models/a%20b%2Fc%252e?x=%20&y=/../");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/v1/models/a b/c%2e");
  EXPECT_EQ(target->query, "x=%20&y=/../");
  EXPECT_EQ(parse_request_target("/")->path, "/");
  EXPECT_EQ(parse_request_target("/a/")->path, "/a/");
  EXPECT_EQ(parse_request_target("/a...b/.c/..d")->path, "/a...b/.c/..d");
  EXPECT_EQ(parse_request_target("*")->path, "*");
}

TEST(RequestTarget, MayNameItsOrigin) {
  EXPECT_EQ(parse_request_target("http://host:1/a?b")->path, "/a");
  EXPECT_EQ(parse_request_target("HTTPS://host")->path, "/");
  EXPECT_EQ(parse_request_target("http://host?b")->path, "/");
  EXPECT_EQ(parse_request_target("http://host?b")->query, "b");
}

TEST(RequestTarget, TricksAreRefused) {
  for (const std::string_view trick :
       {"",           "a",      "?a",          "host:443", "ftp://host/a", "http://", "http:///a",
        "/a#b",       "/..",    "/../a",       "/a/..",    "/a/../b",      "/.",      "/a/./b",
        "/%2e%2e/a",  "/a/%2E", "/a%2f..%2fb", "//",       "//a",          "/a//b",   "/a/%2f",
        "/%2F",       "/a\\b",  "/a%5cb",      "/%00",     "/a%0d%0ab",    "/%7f",    "/%1b[0m",
        "/%",         "/%4",    "/%zz",        "/a%2",     "/%c3",         "/%ff",    "/\xff",
        "/%ed%a0%80", "/%c0%af"}) {
    EXPECT_FALSE(parse_request_target(trick).ok()) << trick;
  }
}

TEST(RequestTarget, ErrorsNameWhatIsWrongInPrintableCharacters) {
  EXPECT_EQ(parse_request_target("/%zz").error().message,
            "the path has \"%zz\" where '%' and two hexadecimal digits belong");
  EXPECT_EQ(parse_request_target("/a%0ab").error().message, "the path has a control character (0x0a)");
  EXPECT_EQ(parse_request_target("a\x01\xff\"").error().message,
            "the request's target \"a\\x01\\xff\\\"\" is not a path");
}

}  // namespace
}  // namespace braid::http
