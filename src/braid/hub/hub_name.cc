#include "braid/hub/hub_name.h"

#include <algorithm>

namespace braid {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Letters, digits, '-', '_', '.' and the characters in `more`; no "..".
bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && text.find("..") == std::string_view::npos && std::ranges::all_of(text, [more](char c) {
    return is_letter_or_digit(c) || std::string_view("-_.").find(c) != std::string_view::npos ||
           more.find(c) != std::string_view::npos;
  });
}

bool is_repository(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return false;
  if (name.ends_with(".gguf")) return false;  // a file that does not exist
  const std::string_view organisation = name.substr(0, slash);
  const std::string_view model = name.substr(slash + 1);
  return is_word(organisation, "") && is_word(model, "") && organisation.front() != '.' && model.front() != '.';
}

}  // namespace

std::string HubName::text() const {
  return repository + (revision == "main" ? "" : "@" + revision) + (variant.empty() ? "" : ":" + variant);
}

std::optional<HubName> parse_hub_name(std::string_view text) {
  HubName name;
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    name.variant = text.substr(colon + 1);
    if (!is_word(name.variant, "/+ ()")) return std::nullopt;  // may be a file's name
    text = text.substr(0, colon);
  }
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    name.revision = text.substr(at + 1);
    if (!is_word(name.revision, "/+")) return std::nullopt;  // "refs/pr/1"
    if (name.revision.front() == '/' || name.revision.back() == '/') return std::nullopt;
    text = text.substr(0, at);
  }
  if (!is_repository(text)) return std::nullopt;
  name.repository = text;
  return name;
}

bool is_commit_hash(std::string_view text) {
  constexpr size_t kHexDigits = 40;
  return text.size() == kHexDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace braid
