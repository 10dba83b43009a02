// UTF-8, white space, splitting and searching.
#include "braid/tokenizer/jinja/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "braid/base/result.h"

namespace braid::jinja {

bool is_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xf0 ? 4 : (lead >= 0xe0 ? 3 : 2);
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    const unsigned char second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second >= 0x90)) {
      return false;
    }
    i += length;
  }
  return true;
}

int64_t count_chars(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

void append_char(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | (c >> 6));
    return put(0x80 | (c & 0x3f));
  }
  if (c < 0x10000) {
    put(0xe0 | (c >> 12));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
  }
  put(0x80 | ((c >> 6) & 0x3f));
  put(0x80 | (c & 0x3f));
}

char32_t next_char(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 ? 3 : (lead >= 0xe0 ? 2 : 1);
  char32_t c = lead & (0x3fU >> more);
  for (int i = 0; i < more && at < text.size(); ++i) c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  return c;
}

std::u32string to_chars32(std::string_view text) {
  std::u32string chars;
  for (size_t at = 0; at < text.size();) chars.push_back(next_char(text, at));
  return chars;
}

std::string to_utf8(std::u32string_view chars) {
  std::string text;
  for (const char32_t c : chars) append_char(text, c);
  return text;
}

size_t offset_of_char(std::string_view text, int64_t n) {
  size_t at = 0;
  for (; n > 0 && at < text.size(); --n) next_char(text, at);
  return at;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

namespace {

// The start of the code point that ends before `end`.
size_t start_of_last(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

template <typename Predicate>
std::string_view strip_left_if(std::string_view text, Predicate drop) {
  while (!text.empty()) {
    size_t at = 0;
    if (!drop(next_char(text, at))) break;
    text.remove_prefix(at);
  }
  return text;
}

template <typename Predicate>
std::string_view strip_right_if(std::string_view text, Predicate drop) {
  while (!text.empty()) {
    const size_t start = start_of_last(text, text.size());
    size_t at = start;
    if (!drop(next_char(text, at))) break;
    text = text.substr(0, start);
  }
  return text;
}

auto one_of(std::string_view chars) {
  auto sorted = to_chars32(chars);
  std::ranges::sort(sorted);
  return [sorted = std::move(sorted)](char32_t c) { return std::ranges::binary_search(sorted, c); };
}

bool is_line_end(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::string reversed(std::string_view text) {
  return std::string(text.rbegin(), text.rend());
}

}  // namespace

std::string_view strip_left(std::string_view text) {
  return strip_left_if(text, is_space);
}
std::string_view strip_right(std::string_view text) {
  return strip_right_if(text, is_space);
}
std::string_view strip_left(std::string_view text, std::string_view chars) {
  return strip_left_if(text, one_of(chars));
}
std::string_view strip_right(std::string_view text, std::string_view chars) {
  return strip_right_if(text, one_of(chars));
}

std::vector<std::string_view> split_space(std::string_view text, int64_t max_split) {
  std::vector<std::string_view> parts;
  for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
    if (max_split >= 0 && static_cast<int64_t>(parts.size()) == max_split) {
      parts.push_back(text);  // the rest keeps its trailing white space
      break;
    }
    size_t end = 0;
    for (size_t at = 0; at < text.size();) {
      if (is_space(next_char(text, at))) break;
      end = at;
    }
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string_view> rsplit_space(std::string_view text, int64_t max_split) {
  std::vector<std::string_view> parts;
  for (text = strip_right(text); !text.empty(); text = strip_right(text)) {
    if (max_split >= 0 && static_cast<int64_t>(parts.size()) == max_split) {
      parts.push_back(text);
      break;
    }
    size_t start = text.size();
    while (start > 0) {
      const size_t before = start_of_last(text, start);
      size_t at = before;
      if (is_space(next_char(text, at))) break;
      start = before;
    }
    parts.push_back(text.substr(start));
    text = text.substr(0, start);
  }
  std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string_view> split_by(std::string_view text, std::string_view separator, int64_t max_split) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  while (max_split < 0 || static_cast<int64_t>(parts.size()) < max_split) {
    const size_t hit = find_text(text, separator, at);
    if (hit == std::string_view::npos) break;
    parts.push_back(text.substr(at, hit - at));
    at = hit + separator.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

std::vector<std::string_view> rsplit_by(std::string_view text, std::string_view separator, int64_t max_split) {
  const std::string backwards = reversed(text);
  std::vector<std::string_view> parts;
  for (const auto part : split_by(backwards, reversed(separator), max_split)) {
    const auto end = static_cast<size_t>(part.data() + part.size() - backwards.data());
    parts.push_back(text.substr(text.size() - end, part.size()));
  }
  std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = next_char(text, at);
    if (!is_line_end(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

// glibc's memmem uses the two-way algorithm. std::string_view::find takes quadratic time on "aaaa…ab".
size_t find_text(std::string_view text, std::string_view what, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (what.empty()) return from;
  const void* hit = memmem(text.data() + from, text.size() - from, what.data(), what.size());
  if (hit == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(hit) - text.data());
}

size_t rfind_text(std::string_view text, std::string_view what) {
  const size_t hit = find_text(reversed(text), reversed(what));
  return hit == std::string_view::npos ? hit : text.size() - hit - what.size();
}

int64_t count_text(std::string_view text, std::string_view what) {
  if (what.empty()) return count_chars(text) + 1;
  int64_t count = 0;
  for (size_t at = find_text(text, what); at != std::string_view::npos; at = find_text(text, what, at + what.size())) {
    ++count;
  }
  return count;
}

std::string replace_text(std::string_view text, std::string_view from, std::string_view to, int64_t max_count) {
  std::string out;
  int64_t done = 0;
  const auto may = [&] { return max_count < 0 || done < max_count; };
  if (from.empty()) {  // insert between all code points, and at both ends
    size_t at = 0;
    while (may()) {
      out += to;
      ++done;
      if (at == text.size()) return out;
      append_char(out, next_char(text, at));
    }
    return out += text.substr(at);
  }
  size_t at = 0;
  while (may()) {
    const size_t hit = find_text(text, from, at);
    if (hit == std::string_view::npos) break;
    out.append(text, at, hit - at).append(to);
    at = hit + from.size();
    ++done;
  }
  return out.append(text, at);
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40] = {};
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const int exponent = std::atoi(text.substr(e + 1).data());  // the exponent reaches to the end of the buffer
  const auto num_digits = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (num_digits > 1) out += "." + digits.substr(1);
    const int size = std::abs(exponent);
    return out + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (num_digits <= exponent + 1)
    return out + digits + std::string(static_cast<size_t>(exponent + 1 - num_digits), '0') + ".0";
  return out + digits.substr(0, static_cast<size_t>(exponent + 1)) + "." +
         digits.substr(static_cast<size_t>(exponent + 1));
}

std::string ascii_only(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format(fmt::runtime(c < 0x100 ? "\\x{:02x}" : (c < 0x10000 ? "\\u{:04x}" : "\\U{:08x}")),
                         static_cast<uint32_t>(c));
    }
  }
  return out;
}

std::string python_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_char(out, c);
    } else {
      char escape[16];
      const char* format = c < 0x100 ? "\\x%02x" : (c < 0x10000 ? "\\u%04x" : "\\U%08x");
      out.append(escape, static_cast<size_t>(std::snprintf(escape, sizeof escape, format, static_cast<unsigned>(c))));
    }
  }
  return out += quote;
}

}  // namespace braid::jinja
