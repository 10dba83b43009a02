#include "braid/multimodal/sources/data_url.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "braid/base/percent_decoding.h"
#include "braid/multimodal/sources/base64.h"

namespace braid {
namespace {

bool ends_with_word(std::string_view text, std::string_view lower_case_end) {
  if (text.size() < lower_case_end.size()) return false;
  return std::ranges::equal(text.substr(text.size() - lower_case_end.size()), lower_case_end, [](char a, char b) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(a))) == b;
  });
}

}  // namespace

Result<MediaBytes> decode_data_url(std::string_view url, int64_t max_bytes) {
  constexpr size_t kSchemeBytes = 5;  // "data:"
  const size_t comma = url.find(',');
  if (comma == std::string_view::npos)
    return fail("a data: URL of {} characters has no comma before its data", url.size());
  const std::string_view head = url.substr(kSchemeBytes, comma - kSchemeBytes);
  const std::string_view data = url.substr(comma + 1);
  constexpr int64_t kMaxCharactersPerByte = 4;  // base64 with each character as %XX
  if (static_cast<int64_t>(data.size()) / kMaxCharactersPerByte > max_bytes) {
    return fail("a data: URL has {} characters, too many for the limit of {} bytes", data.size(), max_bytes);
  }
  const bool is_base64 = ends_with_word(head, ";base64");
  const bool has_percent = data.find('%') != std::string_view::npos;
  std::string decoded;
  if (has_percent || !is_base64) {
    if (const size_t bad = find_bad_percent(data); bad != std::string_view::npos) {
      return fail("a data: URL's data have a '%' without two hexadecimal digits at character {}", bad + 1);
    }
    decoded = decode_percent(data);
  }
  if (is_base64) {
    auto bytes = decode_base64(has_percent ? std::string_view(decoded) : data, max_bytes);
    if (!bytes.ok()) return fail("a data: URL's data cannot be read: {}", bytes.error().message);
    return bytes;
  }
  if (static_cast<int64_t>(decoded.size()) > max_bytes) {
    return fail("the image has {} bytes, the limit is {}", decoded.size(), max_bytes);
  }
  return decoded;
}

}  // namespace braid
