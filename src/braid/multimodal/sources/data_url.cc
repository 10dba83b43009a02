#include "braid/multimodal/sources/data_url.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "braid/multimodal/sources/base64.h"

namespace braid {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool ends_with_word(std::string_view text, std::string_view lower_case_end) {
  if (text.size() < lower_case_end.size()) return false;
  return std::ranges::equal(text.substr(text.size() - lower_case_end.size()), lower_case_end, [](char a, char b) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(a))) == b;
  });
}

}  // namespace

Result<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return fail("character {} is a % without two hexadecimal digits", i + 1);
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Result<MediaBytes> decode_data_url(std::string_view url, int64_t max_bytes) {
  constexpr size_t kSchemeBytes = 5;  // "data:"
  const size_t comma = url.find(',');
  if (comma == std::string_view::npos)
    return fail("a data: URL of {} characters has no comma before its data", url.size());
  const std::string_view head = url.substr(kSchemeBytes, comma - kSchemeBytes);
  const std::string_view data = url.substr(comma + 1);
  // Each byte takes at least one character.
  constexpr int64_t kCharactersPerByte = 3;  // at most
  if (static_cast<int64_t>(data.size()) / kCharactersPerByte > max_bytes * 2) {
    return fail("a data: URL has {} characters, too many for the limit of {} bytes", data.size(), max_bytes);
  }
  const bool is_base64 = ends_with_word(head, ";base64");
  const bool has_percent = data.find('%') != std::string_view::npos;
  std::string decoded;
  if (has_percent || !is_base64) {
    auto text = decode_percent(data);
    if (!text.ok()) return fail("a data: URL's data cannot be read: {}", text.error().message);
    decoded = std::move(*text);
  }
  if (is_base64) {
    auto bytes = decode_base64(has_percent ? std::string_view(decoded) : data, max_bytes);
    if (!bytes.ok()) return fail("a data: URL's data cannot be read: {}", bytes.error().message);
    return bytes;
  }
  if (static_cast<int64_t>(decoded.size()) > max_bytes) {
    return fail("the image has {} bytes, the limit is {}", decoded.size(), max_bytes);
  }
  return MediaBytes(decoded.begin(), decoded.end());
}

}  // namespace braid
