#include "braid/server/http/router.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/server/http/ascii.h"

namespace braid::http {
namespace {

std::vector<std::string> split(std::string_view path) {
  CHECK(path.starts_with('/'));
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_name(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}
bool is_rest(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with("...}");
}

// The values of the pattern's names, or nothing if the path does not match.
std::optional<std::vector<Header>> match(const std::vector<std::string>& pattern, std::string_view path) {
  std::vector<Header> parameters;
  for (const std::string& segment : pattern) {
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    const bool takes_rest = is_rest(segment);
    const std::string_view part = takes_rest ? path : path.substr(0, std::min(path.find('/'), path.size()));
    if (is_name(segment)) {
      if (part.empty()) return std::nullopt;
      parameters.push_back(
          {.name = segment.substr(1, segment.size() - (takes_rest ? 5 : 2)), .value = std::string(part)});
    } else if (part != segment) {
      return std::nullopt;
    }
    path.remove_prefix(part.size());
  }
  if (!path.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

Router::Router(ErrorFormatter format) : format_(std::move(format)) {}

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  std::vector<std::string> segments = split(pattern);
  for (size_t i = 0; i + 1 < segments.size(); ++i) CHECK(!is_rest(segments[i]), "{}", pattern);
  routes_.push_back({.method = std::move(method), .segments = std::move(segments), .handler = std::move(handler)});
}

Router::Match Router::find(const Request& head) const {
  for (const Route& route : routes_) {
    if (route.method != head.method && !(route.method == "GET" && head.method == "HEAD")) continue;
    if (auto parameters = match(route.segments, head.path)) {
      return {.route = &route, .parameters = std::move(*parameters)};
    }
  }
  return {};
}

std::string Router::allowed_methods(std::string_view path) const {
  std::vector<std::string_view> methods;
  const auto add = [&](std::string_view method) {
    if (std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
  };
  for (const Route& route : routes_) {
    if (path != "*" && !match(route.segments, path)) continue;
    add(route.method);
    if (route.method == "GET") add("HEAD");
  }
  if (methods.empty()) return {};
  add("OPTIONS");
  std::string list;
  for (const std::string_view method : methods) list += (list.empty() ? "" : ", ") + std::string(method);
  return list;
}

std::optional<Response> Router::check(const Request& head) const {
  if (find(head).route != nullptr) return std::nullopt;
  const std::string allowed = allowed_methods(head.path);
  if (allowed.empty()) {
    return to_response({.status = 404, .message = "there is nothing at " + printable(head.path)}, format_);
  }
  if (head.method == "OPTIONS") return Response{.status = 204, .content_type = "", .headers = {{"Allow", allowed}}};
  return to_response({.status = 405,
                      .message = printable(head.method) + " does not go with " + printable(head.path) + ": " + allowed,
                      .headers = {{"Allow", allowed}}},
                     format_);
}

void Router::handle(Request request, std::shared_ptr<Responder> responder) const {
  Match found = find(request);
  if (found.route == nullptr) return responder->respond(*check(request));
  request.parameters = std::move(found.parameters);
  found.route->handler(std::move(request), std::move(responder));
}

}  // namespace braid::http
