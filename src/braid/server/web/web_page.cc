#include "braid/server/web/web_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "braid/server/http/ascii.h"
#include "braid/server/web/embedded_files.h"

namespace braid {

namespace {

constexpr std::string_view kFolder = "/page/";
constexpr std::string_view kIndex = "index.html";

// Only the page's own files run or load. The page talks to its own server alone, no page may frame it, and no text
// becomes markup (trusted types: browsers that support them refuse innerHTML and the like). "blob:" is what the page
// itself makes of a user's images.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

// index.html is at "/" alone: its addresses are relative to it, so that a proxy may put the page under any path.
const EmbeddedFile* find_file(std::string_view path) {
  std::string_view name = kIndex;
  if (path != "/") {
    if (!path.starts_with(kFolder)) return nullptr;
    name = path.substr(kFolder.size());
    if (name == kIndex) return nullptr;
  }
  const auto files = embedded_files();
  const auto file = std::ranges::find(files, name, &EmbeddedFile::name);
  return file == files.end() ? nullptr : &*file;
}

std::string_view content_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes{{
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".svg", "image/svg+xml"},
  }};
  const auto type = std::ranges::find_if(kTypes, [&](const auto& one) { return name.ends_with(one.first); });
  return type == kTypes.end() ? "application/octet-stream" : type->second;
}

// If-None-Match: "*", or a list of tags, weak ones included.
bool has_tag(std::string_view list, std::string_view tag) {
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view one = http::trim(list.substr(0, comma));
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
    if (comma == list.size()) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<http::Response> web_page_response(const http::Request& request) {
  const EmbeddedFile* file = find_file(request.path);
  if (file == nullptr) return std::nullopt;
  const std::string tag = fmt::format("\"{}\"", file->sha256.substr(0, 32));
  http::Response response{.content_type = std::string(content_type(file->name))};
  response.headers = {
      {"ETag", tag},
      {"Cache-Control", "no-cache"},  // stored, but checked each time: a new program has new files
      {"Content-Security-Policy", std::string(kContentSecurityPolicy)},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
      {"Referrer-Policy", "no-referrer"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
  };
  if (has_tag(request.header("If-None-Match").value_or(""), tag)) {
    response.status = 304;
  } else {
    response.body = file->bytes;
  }
  return response;
}

bool is_web_page_path(std::string_view path) {
  return find_file(path) != nullptr;
}

void add_web_page_routes(http::Router& router) {
  const auto answer = [](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(*web_page_response(request));  // only files have a route
  };
  for (const EmbeddedFile& file : embedded_files()) {
    router.add("GET", file.name == kIndex ? "/" : fmt::format("{}{}", kFolder, file.name), answer);
  }
}

}  // namespace braid
