#include "braid/hub/gguf_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

namespace braid {
namespace {

constexpr std::string_view kGgufSuffix = ".gguf";
constexpr size_t kPartDigits = 5;  // of "-00001-of-00002"

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_part_number(std::string_view text) {
  return text.size() == kPartDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct GgufFileName {
  std::string_view stem;  // "dir/model-Q4_K_M", from "dir/model-Q4_K_M-00001-of-00002.gguf" or "dir/model-Q4_K_M.gguf"
  int64_t num_parts = 1;
};

// An empty stem means it is no GGUF file.
GgufFileName split_name(std::string_view path) {
  if (!lower(path).ends_with(kGgufSuffix)) return {};
  path.remove_suffix(kGgufSuffix.size());
  constexpr std::string_view kOf = "-of-";
  constexpr size_t kPartBytes = 1 + kPartDigits + kOf.size() + kPartDigits;
  if (path.size() <= kPartBytes) return {.stem = path};
  const std::string_view part = path.substr(path.size() - kPartBytes);
  const std::string_view count = part.substr(part.size() - kPartDigits);
  if (part.front() != '-' || !is_part_number(part.substr(1, kPartDigits)) || !is_part_number(count) ||
      part.substr(1 + kPartDigits, kOf.size()) != kOf) {
    return {.stem = path};
  }
  path.remove_suffix(kPartBytes);
  return {.stem = path, .num_parts = std::max<int64_t>(std::stoll(std::string(count)), 1)};
}

// Vision projectors and importance matrices are no models.
bool is_model(std::string_view stem) {
  const std::string name = lower(stem.substr(stem.find_last_of('/') + 1));
  return !stem.empty() && !name.starts_with("mmproj") && name.find("imatrix") == std::string::npos;
}

// Whether `stem` ends in `variant`, which must follow '-', '.' or '/', or be all of it.
bool ends_in_word(std::string_view stem, std::string_view variant) {
  if (!stem.ends_with(variant)) return false;
  if (stem.size() == variant.size()) return true;
  return std::string_view("-./").find(stem[stem.size() - variant.size() - 1]) != std::string_view::npos;
}

// The files of each model, by stem.
std::map<std::string, std::vector<std::string>> models_of(std::span<const std::string> paths) {
  std::map<std::string, std::vector<std::string>> models;
  for (const std::string& path : paths) {
    const std::string_view stem = split_name(path).stem;
    if (is_model(stem)) models[std::string(stem)].push_back(path);
  }
  for (auto& [stem, files] : models) std::ranges::sort(files);
  return models;
}

}  // namespace

int64_t gguf_num_parts(std::string_view path) {
  return split_name(path).num_parts;
}

std::vector<std::string> gguf_variants(std::span<const std::string> paths) {
  std::vector<std::string> variants;
  for (const auto& [stem, files] : models_of(paths)) {
    const std::string name = stem.substr(stem.find_last_of('/') + 1);
    variants.push_back(name.substr(name.find_last_of("-.") + 1));
  }
  std::ranges::sort(variants);
  const auto repeated = std::ranges::unique(variants);
  variants.erase(repeated.begin(), repeated.end());
  return variants;
}

Result<std::vector<std::string>> choose_gguf(std::span<const std::string> paths, std::string_view variant) {
  const std::string wanted = lower(variant);
  std::vector<std::string> found;
  for (const auto& [stem, files] : models_of(paths)) {
    const bool is_exact = std::ranges::find(files, variant) != files.end();
    if (!is_exact && !ends_in_word(lower(stem), wanted)) continue;
    if (is_exact) return files;
    if (!found.empty()) {
      return fail("\"{}\" may be {} or {}: give one file's name", variant, found.front(), files.front());
    }
    found = files;
  }
  if (!found.empty()) return found;
  const auto variants = gguf_variants(paths);
  if (variants.empty()) return fail("there is no GGUF file for \"{}\", nor any other", variant);
  return fail("there is no GGUF file for \"{}\", only for {}", variant, fmt::join(variants, ", "));
}

}  // namespace braid
