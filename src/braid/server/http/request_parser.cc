// Uses Beast's parser, which reads lines, fields and chunks strictly. Limits and ambiguity are checked here.

// Beast asserts that five bytes are there when it looks at a last chunk again, but clients send "0\r\n" and then wait.
// It reads no further than that, but a build with assertions would end.
#define BOOST_DISABLE_ASSERTS

#include "braid/server/http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <utility>

#include "braid/base/check.h"
#include "braid/server/http/ascii.h"
#include "braid/server/http/request_target.h"

namespace braid::http {
namespace {

namespace beast = boost::beast::http;
using boost::beast::error_code;

bool is_valid_host(std::string_view host) {
  return std::ranges::none_of(host, [](char c) {
    return c <= ' ' || c == '\x7F' || std::string_view("\"#%/<>?@\\^`{|}").find(c) != std::string_view::npos;
  });
}

}  // namespace

class RequestParser::Beast final : public beast::basic_parser<true> {
 public:
  explicit Beast(const Limits& limits) : limits_(limits) {
    eager(false);  // stop after the head
    body_limit(limits.max_body_bytes);
  }

  size_t read_head(std::string_view bytes) {
    const size_t allowed = limits_.max_header_bytes - head_bytes_;
    header_limit(static_cast<uint32_t>(allowed + 1));
    error_code error;
    const size_t taken = put({bytes.data(), bytes.size()}, error);
    head_bytes_ += taken;
    if (error && error != beast::error::need_more) {
      refuse(error);
    } else if (head_bytes_ > limits_.max_header_bytes ||
               (!is_header_done() && head_bytes_ + (bytes.size() - taken) > limits_.max_header_bytes)) {
      refuse(beast::error::header_limit);
    } else if (is_header_done()) {
      check_head();
      eager(true);
    }
    return taken;
  }

  size_t read_body(std::string_view bytes) {
    error_code error;
    const size_t taken = put({bytes.data(), bytes.size()}, error);
    if (error && error != beast::error::need_more) {
      refuse(error);
    } else if (!is_done() && bytes.size() - taken > limits_.max_header_bytes) {
      http_error = {.status = 431,
                    .message = fmt::format("a chunk's header or the trailer is longer than the {} bytes allowed",
                                           limits_.max_header_bytes)};
    }
    return taken;
  }

  bool http_1_0() const { return version_ == 10; }

  Request request;
  std::optional<HttpError> http_error;
  bool expects_continue = false;

 private:
  // Stops Beast with an error of our own.
  void stop(int status, std::string message, error_code& error) {
    http_error = {.status = status, .message = std::move(message)};
    error = beast::error::bad_value;
  }

  void refuse(error_code error) {
    if (http_error) return;
    if (error == beast::error::header_limit || error == beast::error::buffer_overflow) {
      http_error = {.status = 431,
                    .message = fmt::format("the request's line and headers are longer than the {} bytes allowed",
                                           limits_.max_header_bytes)};
    } else if (error == beast::error::body_limit) {
      if (!is_header_done()) check_head();
      if (http_error) return;
      http_error = {
          .status = 413,
          .message = fmt::format("the request's body is larger than the {} bytes allowed", limits_.max_body_bytes)};
    } else if (error == beast::error::bad_version) {
      http_error = {.status = 505, .message = "the request line does not end in HTTP/1.1 or HTTP/1.0"};
    } else {
      http_error = {.status = 400, .message = "not a valid HTTP/1.1 request: " + error.message()};
    }
  }

  // The checks that need the whole head.
  void check_head() {
    if (http_error) return;
    const auto refuse_with = [&](int status, std::string message) {
      http_error = {.status = status, .message = std::move(message)};
    };
    auto target = parse_request_target(raw_target_);
    if (!target.ok()) return refuse_with(400, target.error().message);
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    if (request.path == "*" && request.method != "OPTIONS") {
      return refuse_with(400, "the target \"*\" goes with the method OPTIONS alone");
    }
    if (num_hosts_ > 1) return refuse_with(400, "the request has more than one Host header");
    if (num_hosts_ == 0 && version_ == 11) return refuse_with(400, "the request has no Host header");
    if (const auto host = request.header("Host"); host && !is_valid_host(*host)) {
      return refuse_with(400, fmt::format("the Host header \"{}\" is not a host and port", printable(*host)));
    }
    if (has_transfer_encoding_ && version_ == 10) {
      return refuse_with(400, "Transfer-Encoding does not go with HTTP/1.0");
    }
    if (const auto expect = request.header("Expect")) {
      if (!equal_ignoring_case(*expect, "100-continue")) {
        return refuse_with(417, fmt::format("Expect: {} cannot be met, only 100-continue", printable(*expect)));
      }
      expects_continue = version_ == 11 && !is_done();
    }
    const auto coding = request.header("Content-Encoding");
    if (coding && !coding->empty() && !equal_ignoring_case(*coding, "identity")) {
      return refuse_with(
          415, fmt::format("Content-Encoding {} is not supported: send the body as it is", printable(*coding)));
    }
  }

  void on_request_impl(beast::verb, boost::beast::string_view method, boost::beast::string_view target, int version,
                       error_code&) override {
    request.method.assign(method.data(), method.size());
    raw_target_.assign(target.data(), target.size());
    version_ = version;
  }

  void on_field_impl(beast::field field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code& error) override {
    if (is_header_done()) return;  // a trailer's field: not used
    if (request.headers.size() >= limits_.max_headers) {
      return stop(431, fmt::format("the request has more than the {} headers allowed", limits_.max_headers), error);
    }
    const std::string_view text(value.data(), value.size());
    if (field == beast::field::host) ++num_hosts_;
    if (field == beast::field::transfer_encoding) {
      has_transfer_encoding_ = true;
      if (!equal_ignoring_case(text, "chunked")) {
        return stop(501, fmt::format("Transfer-Encoding {} is not supported, only chunked", printable(text)), error);
      }
    }
    request.headers.push_back({.name = std::string(name.data(), name.size()), .value = std::string(text)});
  }

  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}

  // The body grows as it arrives: an announced length takes no memory.
  size_t on_body_impl(boost::beast::string_view bytes, error_code&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t, boost::beast::string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view bytes, error_code&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}

  const Limits& limits_;
  std::string raw_target_;
  size_t head_bytes_ = 0;
  int version_ = 11;
  int num_hosts_ = 0;
  bool has_transfer_encoding_ = false;
};

RequestParser::RequestParser(const Limits& limits) : beast_(std::make_unique<Beast>(limits)) {}
RequestParser::~RequestParser() = default;

size_t RequestParser::read_head(std::string_view bytes) {
  CHECK(!has_head() && !error());
  if (bytes.empty()) return 0;  // Beast would count from a pointer that may be null
  return beast_->read_head(bytes);
}

size_t RequestParser::read_body(std::string_view bytes) {
  CHECK(has_head() && !is_complete() && !error());
  if (bytes.empty()) return 0;
  return beast_->read_body(bytes);
}

bool RequestParser::has_head() const {
  return beast_->is_header_done();
}
bool RequestParser::is_complete() const {
  return beast_->is_done();
}
const std::optional<HttpError>& RequestParser::error() const {
  return beast_->http_error;
}
const Request& RequestParser::request() const {
  return beast_->request;
}
Request RequestParser::take_request() {
  return std::move(beast_->request);
}
bool RequestParser::keep_alive() const {
  return beast_->keep_alive();
}
bool RequestParser::is_http_1_0() const {
  return beast_->http_1_0();
}
bool RequestParser::expects_continue() const {
  return beast_->expects_continue;
}
std::optional<uint64_t> RequestParser::announced_body() const {
  const auto length = beast_->content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

}  // namespace braid::http
