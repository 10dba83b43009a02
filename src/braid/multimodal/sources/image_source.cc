#include "braid/multimodal/sources/image_source.h"

#include <algorithm>
#include <cctype>

#include "braid/multimodal/sources/base64.h"
#include "braid/multimodal/sources/data_url.h"
#include "braid/multimodal/sources/local_media.h"
#include "braid/multimodal/sources/remote_media.h"

namespace braid {
namespace {

// The lower-case scheme before "://" or of "data:"; empty if there is none, as in base64.
std::string scheme_of(std::string_view url) {
  constexpr size_t kMaxScheme = 32;
  const size_t colon = url.substr(0, kMaxScheme).find(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  std::string scheme(url.substr(0, colon));
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return scheme;
}

std::string printable(std::string_view text) {
  std::string shown(text);
  std::ranges::replace_if(
      shown, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

}  // namespace

bool names_image(std::string_view url) {
  return names_remote_image(url) || scheme_of(url) == "file";
}

bool names_remote_image(std::string_view url) {
  const std::string scheme = scheme_of(url);
  return scheme == "http" || scheme == "https";
}

std::string url_excerpt(std::string_view url) {
  constexpr size_t kShown = 80;
  if (scheme_of(url) == "data") {
    return fmt::format("{}… ({} characters)", printable(url.substr(0, std::min(url.find(','), size_t{40}))),
                       url.size());
  }
  if (url.size() <= kShown) return printable(url);
  return fmt::format("{}… ({} characters)", printable(url.substr(0, kShown)), url.size());
}

Result<MediaBytes> load_image_source(std::string_view url, const MediaPolicy& policy) {
  const std::string scheme = scheme_of(url);
  if (scheme == "data") return decode_data_url(url, policy.max_bytes);
  if (scheme == "file") return read_local_media(url, policy);
  if (scheme == "http" || scheme == "https") return fetch_remote_media(url, policy);
  constexpr const char* kAllowed = "a data: URL, base64, or a URL that begins with file://, http:// or https://";
  if (!scheme.empty()) return fail("image \"{}\": must be {}", url_excerpt(url), kAllowed);
  if (url.empty()) return fail("the image is empty: must be {}", kAllowed);
  auto bytes = decode_base64(url, policy.max_bytes);
  if (!bytes.ok()) return fail("image \"{}\": {}; must be {}", url_excerpt(url), bytes.error().message, kAllowed);
  return bytes;
}

}  // namespace braid
