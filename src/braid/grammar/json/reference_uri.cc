#include "braid/grammar/json/reference_uri.h"

#include <algorithm>

namespace braid::grammar {
namespace {

struct Uri {
  std::string_view scheme;     // with its ':'
  std::string_view authority;  // with its "//"
  std::string_view path;
  std::string_view query;  // with its '?'
};

Uri split(std::string_view text) {
  Uri uri;
  const size_t colon = text.find_first_of(":/?");
  if (colon != std::string_view::npos && colon > 0 && text[colon] == ':') {
    uri.scheme = text.substr(0, colon + 1);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    uri.authority = text.substr(0, text.find_first_of("/?", 2));
    text.remove_prefix(uri.authority.size());
  }
  uri.path = text.substr(0, text.find('?'));
  uri.query = text.substr(uri.path.size());
  return uri;
}

std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    const std::string_view name = segment.starts_with('/') ? segment.substr(1) : segment;
    if (name != "." && name != "..") {
      out += segment;
      continue;
    }
    if (name == "..") out.resize(std::min(out.size(), out.rfind('/')));
    if (path.empty()) out += '/';
  }
  return out;
}

}  // namespace

std::string resolved_uri(std::string_view base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  if (reference.empty()) return std::string(base);
  const Uri from = split(base);
  const Uri to = split(reference);
  const auto joined = [](std::string_view scheme, std::string_view authority, const std::string& path,
                         std::string_view query) {
    return std::string(scheme).append(authority).append(path).append(query);
  };
  if (!to.scheme.empty()) return joined(to.scheme, to.authority, without_dots(to.path), to.query);
  if (!to.authority.empty()) return joined(from.scheme, to.authority, without_dots(to.path), to.query);
  if (to.path.empty()) return joined(from.scheme, from.authority, std::string(from.path), to.query);
  if (to.path.starts_with('/')) return joined(from.scheme, from.authority, without_dots(to.path), to.query);
  std::string merged(from.path.substr(0, from.path.rfind('/') + 1));
  if (merged.empty() && !from.authority.empty()) merged = "/";
  merged += to.path;
  return joined(from.scheme, from.authority, without_dots(merged), to.query);
}

}  // namespace braid::grammar
