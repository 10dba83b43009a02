#include "braid/server/http/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "braid/server/http/ascii.h"

namespace braid::http {
namespace {

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                     utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void append_field(std::string_view text, std::string& out) {
  for (const char c : text) out += (c >= 0 && c < ' ' && c != '\t') || c == '\x7F' ? ' ' : c;
}

void append_header(std::string_view name, std::string_view value, std::string& out) {
  append_field(name, out);
  out += ": ";
  append_field(value, out);
  out += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

bool has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

std::string response_head(const Response& response, const HeadOptions& options, std::span<const Header> more_headers) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  append_header("Date", http_date(), out);
  if (has_body(response.status)) {
    if (!response.content_type.empty()) append_header("Content-Type", response.content_type, out);
    if (options.framing == BodyFraming::kLength) {
      fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", options.content_length);
    } else if (options.framing == BodyFraming::kChunked) {
      out += "Transfer-Encoding: chunked\r\n";
    }
  }
  if (!options.keep_alive) {
    out += "Connection: close\r\n";
  } else if (options.is_http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  for (const Header& header : response.headers) append_header(header.name, header.value, out);
  for (const Header& header : more_headers) append_header(header.name, header.value, out);
  const auto unless_said = [&](std::string_view name, std::string_view value) {
    const bool said = std::ranges::any_of(response.headers,
                                          [&](const Header& header) { return equal_ignoring_case(header.name, name); });
    if (!said) append_header(name, value, out);
  };
  unless_said("Cache-Control", "no-store");
  unless_said("X-Content-Type-Options", "nosniff");
  unless_said("X-Frame-Options", "DENY");
  unless_said("Referrer-Policy", "no-referrer");
  if (options.framing != BodyFraming::kLength)
    unless_said("X-Accel-Buffering", "no");  // or nginx would buffer a stream
  out += "\r\n";
  return out;
}

}  // namespace braid::http
