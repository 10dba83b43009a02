// libFuzzer: any bytes as a connection's input. Cut anywhere, they are refused or produce the same requests as in one
// piece. An accepted request has a path without tricks, on which guard and router agree.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/check.h"
#include "braid/server/http/guard.h"
#include "braid/server/http/request_parser.h"
#include "braid/server/http/router.h"

namespace {

using namespace braid::http;

const Limits kLimits{.max_header_bytes = 600, .max_headers = 8, .max_body_bytes = 400};

struct Seen {
  std::vector<std::string> requests;  // each as one text, and the error that ended them
  bool waits_for_head = false;        // the head of the last one is incomplete
  bool waits_for_body = false;
};

Seen parse(std::string_view bytes, size_t step) {
  std::vector<std::string> seen;
  std::string input;
  while (true) {
    RequestParser parser(kLimits);
    while (!parser.error() && !(parser.has_head() && parser.is_complete())) {
      // An exact copy, so that a sanitizer finds reads beyond it.
      const std::vector<char> exact(input.begin(), input.end());
      const std::string_view given(exact.data(), exact.size());
      const size_t taken = parser.has_head() ? parser.read_body(given) : parser.read_head(given);
      CHECK(taken <= input.size());
      input.erase(0, taken);
      if (taken > 0) continue;
      if (parser.error()) break;
      CHECK(input.size() <= kLimits.max_header_bytes);
      if (bytes.empty()) {
        const bool has_head = parser.has_head();
        return {.requests = std::move(seen), .waits_for_head = !has_head, .waits_for_body = has_head};
      }
      const size_t size = std::min(step, bytes.size());
      input += bytes.substr(0, size);
      bytes.remove_prefix(size);
    }
    if (parser.error()) {
      // Which limit is exceeded first may depend on the pieces; that one is exceeded does not.
      seen.push_back("refused");
      return {.requests = std::move(seen)};
    }
    const Request request = parser.take_request();
    CHECK(request.body.size() <= kLimits.max_body_bytes && request.headers.size() <= kLimits.max_headers);
    std::string text = request.method + "\n" + request.path + "\n" + request.query + "\n" + request.body;
    for (const Header& header : request.headers) text += "\n" + header.name + ":" + header.value;
    seen.push_back(std::move(text));

    CHECK(request.path == "*" || request.path.starts_with('/'));
    CHECK(request.path.find("//") == std::string::npos && request.path.find("/../") == std::string::npos);
    CHECK(!request.path.ends_with("/..") && request.path.find('\\') == std::string::npos);
    CHECK(request.path.find('\0') == std::string::npos);

    static const Guard guard({.api_keys = {"key"},
                              .is_free = [](const Request& head) { return head.path.starts_with("/static/"); },
                              .allowed_origins = {"https://a.example"}});
    guard.cors_headers(request);
    const auto refused = guard.check(request, plain_error);
    CHECK(refused || request.path.starts_with("/static/") || presented_key(request) == "key");

    static const Router router = [] {
      Router made;
      made.add("GET", "/v1/models/{id...}", [](Request, const std::shared_ptr<Responder>&) {});
      made.add("POST", "/static/{a}/{b}", [](Request, const std::shared_ptr<Responder>&) {});
      return made;
    }();
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    const bool is_model = request.path.starts_with("/v1/models/") && request.path != "/v1/models/";
    if (is_get) CHECK(router.check(request).has_value() == !is_model);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  Seen whole = parse(bytes, bytes.size());
  Seen cut = parse(bytes, size_t{data[0]} % 16 + 1);
  // A head that arrives in pieces is checked when it is complete, so its error may still be missing.
  const bool is_refused = !whole.requests.empty() && whole.requests.back() == "refused";
  if (cut.waits_for_head && is_refused && cut.requests.size() + 1 == whole.requests.size()) {
    cut.requests.emplace_back("refused");
  }
  // Beast subtracts a chunk's size from the body's limit each time it looks at the chunk's header. If a quoted
  // extension never ends, it looks with each piece and refuses; in one piece it still waits for the end.
  const bool cut_is_refused = !cut.requests.empty() && cut.requests.back() == "refused";
  if (whole.waits_for_body && cut_is_refused && whole.requests.size() + 1 == cut.requests.size()) {
    whole.requests.emplace_back("refused");
  }
  CHECK(whole.requests == cut.requests, "{} requests in one piece, {} in pieces", whole.requests.size(),
        cut.requests.size());
  return 0;
}
