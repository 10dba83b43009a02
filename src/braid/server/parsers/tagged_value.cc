#include "braid/server/parsers/tagged_value.h"

#include "braid/formats/json.h"
#include "braid/server/parsers/json_text.h"

namespace braid::parsers {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::string tagged_value_to_json(std::string_view text, ValueKinds kinds) {
  const std::string_view value = trimmed(text);
  if ((kinds & kBooleanValue) != 0 && value == "True") return "true";
  if ((kinds & kBooleanValue) != 0 && value == "False") return "false";
  if ((kinds & kNullValue) != 0 && value == "None") return "null";
  if ((kinds & ~kStringValue) != 0) {
    const auto parsed = parse_json(value, {.max_values = 1'000'000});
    const bool has_mark = value.starts_with("\xEF\xBB\xBF");  // parsers skip it, but JSON texts must not have it
    if (parsed.ok() && !has_mark && (kind_of(*parsed) & kinds & ~kStringValue) != 0) return std::string(value);
  }
  std::string json = "\"";
  append_json_escaped(text, json);
  return json + '"';
}

}  // namespace braid::parsers
