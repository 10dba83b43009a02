#include "braid/server/http/guard.h"

#include <gtest/gtest.h>

namespace braid::http {
namespace {

Request request(std::string method, std::string path, std::vector<Header> headers = {}) {
  headers.push_back({"Host", "localhost:30000"});
  return {.method = std::move(method), .path = std::move(path), .headers = std::move(headers)};
}

int status(const Guard& guard, const Request& head) {
  const auto response = guard.check(head, plain_error);
  return response ? response->status : 0;
}

std::string value(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

TEST(Guard, WithoutKeysEverythingPasses) {
  EXPECT_EQ(status(Guard({}), request("POST", "/v1/chat/completions")), 0);
}

TEST(Guard, WithKeysOneOfThemIsRequired) {
  const Guard guard({.api_keys = {"first", "second"}});
  EXPECT_EQ(status(guard, request("POST", "/", {{"Authorization", "Bearer first"}})), 0);
  EXPECT_EQ(status(guard, request("POST", "/", {{"authorization", "bearer  second"}})), 0);
  EXPECT_EQ(status(guard, request("POST", "/", {{"X-API-KEY", "second"}})), 0);
  for (const std::string_view key : {"", "firs", "firstt", "First", "first second", "third"}) {
    EXPECT_EQ(status(guard, request("POST", "/", {{"Authorization", "Bearer " + std::string(key)}})), 401) << key;
    EXPECT_EQ(status(guard, request("POST", "/", {{"X-Api-Key", std::string(key)}})), 401) << key;
  }
  EXPECT_EQ(status(guard, request("POST", "/", {{"Authorization", "Basic first"}})), 401);
  EXPECT_EQ(status(guard, request("POST", "/", {{"Authorization", "first"}})), 401);
  EXPECT_EQ(status(guard, request("GET", "/")), 401);
  EXPECT_EQ(status(guard, request("OPTIONS", "/")), 401);
}

TEST(Guard, SaysWhatIsMissingAndNeverTheKey) {
  const Guard guard({.api_keys = {"secret"}});
  const auto none = guard.check(request("GET", "/"), plain_error);
  EXPECT_NE(none->body.find("Authorization: Bearer KEY"), std::string::npos);
  EXPECT_EQ(value(none->headers, "WWW-Authenticate"), "Bearer");
  const auto wrong = guard.check(request("GET", "/", {{"X-Api-Key", "guess"}}), plain_error);
  EXPECT_EQ(wrong->body, "the API key is not one of this server's\n");
}

TEST(Guard, FreePathsNeedNoKey) {
  const Guard guard({.api_keys = {"key"}, .is_free = [](const Request& head) { return head.path == "/health"; }});
  EXPECT_EQ(status(guard, request("GET", "/health")), 0);
  EXPECT_EQ(status(guard, request("GET", "/healthy")), 401);
  EXPECT_EQ(status(guard, request("GET", "/health/")), 401);
}

TEST(Guard, CorsIsOffUnlessOriginsAreAllowed) {
  const Guard guard({});
  const Request page = request("GET", "/", {{"Origin", "https://a.example"}});
  EXPECT_TRUE(guard.cors_headers(page).empty());
  EXPECT_EQ(status(guard, request("OPTIONS", "/",
                                  {{"Origin", "https://a.example"}, {"Access-Control-Request-Method", "POST"}})),
            0);
}

TEST(Guard, AllowedOriginsMayReadAndOthersMayNot) {
  const Guard guard({.allowed_origins = {"https://a.example", "http://localhost:3000"}});
  const auto headers = guard.cors_headers(request("GET", "/", {{"Origin", "https://a.example"}}));
  EXPECT_EQ(value(headers, "Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(value(headers, "Vary"), "Origin");
  for (const std::string_view origin : {"https://b.example", "https://a.example.evil", "http://a.example", "null"}) {
    EXPECT_EQ(value(guard.cors_headers(request("GET", "/", {{"Origin", std::string(origin)}})),
                    "Access-Control-Allow-Origin"),
              "")
        << origin;
  }
  const Guard any({.allowed_origins = {"*"}});
  EXPECT_EQ(value(any.cors_headers(request("GET", "/", {{"Origin", "null"}})), "Access-Control-Allow-Origin"), "null");
}

TEST(Guard, APreflightOfAnAllowedOriginNeedsNoKey) {
  const Guard guard({.api_keys = {"key"}, .allowed_origins = {"https://a.example"}});
  const auto preflight = [&](std::string origin, std::string headers) {
    return guard.check(request("OPTIONS", "/v1/models",
                               {{"Origin", std::move(origin)},
                                {"Access-Control-Request-Method", "POST"},
                                {"Access-Control-Request-Headers", std::move(headers)}}),
                       plain_error);
  };
  const auto allowed = preflight("https://a.example", "authorization, x-stainless-os");
  EXPECT_EQ(allowed->status, 204);
  EXPECT_EQ(value(allowed->headers, "Access-Control-Allow-Headers"), "authorization, x-stainless-os");
  EXPECT_EQ(value(allowed->headers, "Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(value(preflight("https://a.example", "a, \x01")->headers, "Access-Control-Allow-Headers"), "");
  EXPECT_EQ(value(preflight("https://a.example", "")->headers, "Access-Control-Allow-Headers"), "");
  EXPECT_EQ(preflight("https://b.example", "authorization")->status, 401);
}

TEST(Guard, WithoutKeysAForeignPageCannotMakeItsVisitorsBrowserPost) {
  const Guard guard({.allowed_origins = {"https://friend.example"}});
  const auto post = [&](std::vector<Header> headers) {
    return status(guard, request("POST", "/", std::move(headers)));
  };
  EXPECT_EQ(post({{"Origin", "https://evil.example"}}), 403);
  EXPECT_EQ(post({{"Origin", "null"}}), 403);
  EXPECT_EQ(post({{"Origin", "http://localhost:30001"}}), 403);
  EXPECT_EQ(post({{"Origin", "https://friend.example"}}), 0);
  EXPECT_EQ(post({{"Origin", "http://LOCALHOST:30000"}}), 0) << "the server's own page";
  EXPECT_EQ(post({{"Origin", "https://chat.example"}, {"Sec-Fetch-Site", "same-origin"}}), 0) << "behind a proxy";
  EXPECT_EQ(post({{"Origin", "http://localhost:30000"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(post({}), 0) << "no browser";
  EXPECT_EQ(status(guard, request("GET", "/", {{"Origin", "https://evil.example"}})), 0) << "it cannot read the answer";
  const Guard with_key({.api_keys = {"key"}});
  EXPECT_EQ(status(with_key, request("POST", "/", {{"Origin", "app://x"}, {"X-Api-Key", "key"}})), 0);
}

}  // namespace
}  // namespace braid::http
