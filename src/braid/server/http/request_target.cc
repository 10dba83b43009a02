#include "braid/server/http/request_target.h"

#include <algorithm>

#include "braid/base/percent_decoding.h"
#include "braid/server/http/ascii.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::http {
namespace {

Result<std::string> percent_decoded(std::string_view text) {
  const size_t bad = find_bad_percent(text);
  if (bad == std::string_view::npos) return decode_percent(text);
  return fail("the path has \"{}\" where '%' and two hexadecimal digits belong", printable(text.substr(bad, 3)));
}

// Refuses paths that the next program to look at them could read differently.
Status check_path(std::string_view path) {
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return fail("the path has a control character ({:#04x})", byte);
    if (c == '\\') return fail("the path has a backslash");
  }
  if (!unicode::is_valid_utf8(path)) return fail("the path is not valid UTF-8");
  for (size_t start = 1; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view segment = path.substr(start, end - start);
    if (segment == "." || segment == "..") return fail("the path has a \"{}\" segment", segment);
    if (segment.empty() && end < path.size()) return fail("the path has two slashes in a row");
    start = end + 1;
  }
  return {};
}

// "http://host/path" to "/path"; a path stays as it is.
std::string_view without_origin(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const size_t end = std::min(rest.find_first_of("/?"), rest.size());
    if (end == 0) return {};
    return end == rest.size() ? "/" : rest.substr(end);
  }
  return target;
}

}  // namespace

Result<RequestTarget> parse_request_target(std::string_view target) {
  if (target == "*") return RequestTarget{.path = "*", .query = ""};
  const std::string_view local = without_origin(target);
  if (!local.starts_with('/') && !(local.starts_with('?') && local.data() != target.data())) {
    return fail("the request's target \"{}\" is not a path", printable(target));
  }
  if (local.find('#') != std::string_view::npos) return fail("the request's target has a fragment ('#')");
  const size_t end = std::min(local.find('?'), local.size());
  TRY(std::string path, percent_decoded(end == 0 ? "/" : local.substr(0, end)));
  TRY_STATUS(check_path(path));
  return RequestTarget{.path = std::move(path),
                       .query = end == local.size() ? std::string() : std::string(local.substr(end + 1))};
}

}  // namespace braid::http
