#include "braid/server/http/guard.h"

#include <algorithm>
#include <utility>

#include "braid/server/http/ascii.h"

namespace braid::http {
namespace {

// Whether the client's list of headers is a list of tokens: it is sent back.
bool is_token_list(std::string_view list) {
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    if (!is_token(trim(list.substr(0, comma)))) return false;
    if (comma == list.size()) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Guard::Guard(GuardOptions options)
    : keys_(options.api_keys),
      is_free_(std::move(options.is_free)),
      allowed_origins_(std::move(options.allowed_origins)) {}

std::optional<Response> Guard::check(const Request& head, const ErrorFormatter& format) const {
  const auto origin = head.header("Origin");
  if (head.method == "OPTIONS" && origin && head.header("Access-Control-Request-Method") && allows_origin(*origin)) {
    Response preflight{.status = 204, .content_type = ""};
    preflight.headers.push_back({"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"});
    const auto wanted = head.header("Access-Control-Request-Headers");
    if (wanted && is_token_list(*wanted)) {
      preflight.headers.push_back({"Access-Control-Allow-Headers", std::string(*wanted)});
    }
    preflight.headers.push_back({"Access-Control-Max-Age", "600"});
    return preflight;
  }
  if (!keys_.empty() && !(is_free_ && is_free_(head))) {
    const std::string_view key = presented_key(head);
    if (keys_.accepts(key)) return std::nullopt;  // a page can send a key only if its user gave it the key
    const std::string_view message =
        key.empty() ? "this server wants an API key: \"Authorization: Bearer KEY\" or \"X-Api-Key: KEY\""
                    : "the API key is not one of this server's";
    return to_response({.status = 401, .message = std::string(message), .headers = {{"WWW-Authenticate", "Bearer"}}},
                       format);
  }
  if (is_foreign(head)) {
    return to_response({.status = 403,
                        .message = "pages of the origin \"" + printable(*origin) +
                                   "\" may not use this server: it is not an allowed origin"},
                       format);
  }
  return std::nullopt;
}

std::vector<Header> Guard::cors_headers(const Request& head) const {
  if (allowed_origins_.empty()) return {};
  const auto origin = head.header("Origin");
  if (!origin || !allows_origin(*origin)) return {{"Vary", "Origin"}};
  return {{"Vary", "Origin"},
          {"Access-Control-Allow-Origin", std::string(*origin)},
          {"Access-Control-Expose-Headers", "Retry-After, X-Request-Id"}};
}

bool Guard::allows_origin(std::string_view origin) const {
  return std::ranges::any_of(allowed_origins_, [&](const std::string& allowed) {
    return allowed == "*" || equal_ignoring_case(allowed, origin);
  });
}

// Whether a browser sends this for a page of another origin. CORS keeps such a page from reading the answer, but not
// from sending: without a key it could occupy the engine or flush its cache.
bool Guard::is_foreign(const Request& head) const {
  if (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS") return false;
  const auto origin = head.header("Origin");
  if (!origin || allows_origin(*origin)) return false;
  // Correct even behind a proxy that changes the Host header.
  if (const auto site = head.header("Sec-Fetch-Site")) return *site != "same-origin";
  const size_t host = origin->find("://");
  return host == std::string_view::npos ||
         !equal_ignoring_case(origin->substr(host + 3), head.header("Host").value_or(""));
}

}  // namespace braid::http
