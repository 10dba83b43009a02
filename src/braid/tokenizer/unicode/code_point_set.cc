#include "braid/tokenizer/unicode/code_point_set.h"

#include <algorithm>
#include <map>
#include <string>

#include "braid/tokenizer/unicode/unicode_tables.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::unicode {
namespace {

// In the order of the generated table's category numbers.
constexpr std::array<std::string_view, 30> kCategories = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                                          "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc",
                                                          "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"};

std::string loose(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

// All categories whose name starts with `prefix` ("L", "Lu"), in loose spelling.
CodePointSet category(std::string_view prefix) {
  std::vector<CodePointRange> ranges;
  char32_t position = 0;
  for (size_t i = 0; i < kNumCategoryRuns; ++i) {
    const char32_t length = kCategoryRuns[i] / 32;
    if (loose(kCategories[kCategoryRuns[i] % 32]).starts_with(prefix)) {
      ranges.push_back({position, position + length - 1});
    }
    position += length;
  }
  return CodePointSet(std::move(ranges));
}

CodePointSet from_runs(const uint32_t* runs, size_t num_runs) {
  std::vector<CodePointRange> ranges;
  char32_t position = 0;
  for (size_t i = 0; i < num_runs; ++i) {
    if (i % 2 == 1) ranges.push_back({position, position + runs[i] - 1});
    position += runs[i];
  }
  return CodePointSet(std::move(ranges));
}

// Long names of groups of categories, and of categories that patterns write in full.
std::string_view short_category(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kLong[] = {{"letter", "l"},
                                                                            {"mark", "m"},
                                                                            {"number", "n"},
                                                                            {"punctuation", "p"},
                                                                            {"punct", "p"},
                                                                            {"symbol", "s"},
                                                                            {"separator", "z"},
                                                                            {"other", "c"},
                                                                            {"uppercaseletter", "lu"},
                                                                            {"lowercaseletter", "ll"},
                                                                            {"titlecaseletter", "lt"},
                                                                            {"modifierletter", "lm"},
                                                                            {"otherletter", "lo"},
                                                                            {"nonspacingmark", "mn"},
                                                                            {"decimalnumber", "nd"},
                                                                            {"control", "cc"}};
  for (const auto& [long_name, short_name] : kLong) {
    if (name == long_name) return short_name;
  }
  return name;
}

}  // namespace

CodePointSet::CodePointSet(std::vector<CodePointRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const CodePointRange& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool CodePointSet::contains(char32_t code_point) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), code_point,
                                      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges_.begin() && code_point <= std::prev(after)->last;
}

CodePointSet CodePointSet::united(const CodePointSet& other) const {
  std::vector<CodePointRange> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return CodePointSet(std::move(ranges));
}

CodePointSet CodePointSet::inverted() const {
  CodePointSet result;
  char32_t next = 0;
  for (const CodePointRange& range : ranges_) {
    if (range.first > next) result.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next < kNumCodePoints) result.ranges_.push_back({next, kNumCodePoints - 1});
  return result;
}

CodePointSet CodePointSet::intersected(const CodePointSet& other) const {
  return inverted().united(other.inverted()).inverted();
}

std::optional<CodePointSet> property(std::string_view name) {
  const std::string wanted = loose(name);
  if (wanted == "any") return CodePointSet({{0, kNumCodePoints - 1}});
  if (wanted == "alphabetic" || wanted == "alpha") return from_runs(kAlphabeticRuns, kNumAlphabeticRuns);
  if (wanted == "han") return from_runs(kHanRuns, kNumHanRuns);
  if (wanted == "whitespace" || wanted == "space") return white_space();
  if (wanted == "word") return word_characters();
  if (wanted == "digit") return category("nd");
  const std::string_view prefix = short_category(wanted);
  if (prefix.empty() || prefix.size() > 2) return std::nullopt;
  CodePointSet set = category(prefix);
  if (set.ranges().empty()) return std::nullopt;
  return set;
}

CodePointSet white_space() {
  return CodePointSet({{0x09, 0x0D},
                       {0x20, 0x20},
                       {0x85, 0x85},
                       {0xA0, 0xA0},
                       {0x1680, 0x1680},
                       {0x2000, 0x200A},
                       {0x2028, 0x2029},
                       {0x202F, 0x202F},
                       {0x205F, 0x205F},
                       {0x3000, 0x3000}});
}

CodePointSet word_characters() {
  // Latin-1's superscripts and fractions belong to it too (measured).
  return class_word_characters().united(CodePointSet({{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}}));
}

CodePointSet class_word_characters() {
  return from_runs(kAlphabeticRuns, kNumAlphabeticRuns)
      .united(category("m"))
      .united(category("nd"))
      .united(category("pc"));
}

CodePointSet rust_word_characters() {
  return class_word_characters().united(CodePointSet({{0x200C, 0x200D}}));
}

CodePointSet numeric_characters() {
  return from_runs(kNumeric17Runs, kNumNumeric17Runs);
}

CodePointSet present_in_unicode_9() {
  return from_runs(kPresent9Runs, kNumPresent9Runs);
}

CodePointSet combining_marks() {
  const CodePointSet no_mark_yet({{0x111C9, 0x111C9}});
  const CodePointSet no_mark_now({{0x1CF2, 0x1CF3}});
  return category("m").intersected(present_in_unicode_9()).intersected(no_mark_yet.inverted()).united(no_mark_now);
}

CodePointSet punctuation() {
  const CodePointSet since_9({{0x2E43, 0x2E44},
                              {0x1144B, 0x1144F},
                              {0x1145B, 0x1145B},
                              {0x1145D, 0x1145D},
                              {0x11660, 0x1166C},
                              {0x11C41, 0x11C45},
                              {0x11C70, 0x11C71},
                              {0x1E95E, 0x1E95F}});
  const CodePointSet none_now({{0x166D, 0x166D}, {0x111C9, 0x111C9}});
  const CodePointSet symbols({{'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'`', '`'}, {'|', '|'}, {'~', '~'}});
  return category("p")
      .intersected(present_in_unicode_9())
      .intersected(since_9.inverted())
      .united(none_now)
      .united(symbols);
}

std::optional<CodePointTable> CodePointTable::classify(std::span<const CodePointSet> sets, char32_t first,
                                                       size_t max_classes) {
  // No set changes between two adjacent borders, so one check is enough there.
  std::vector<char32_t> borders = {first, kNumCodePoints};
  for (const CodePointSet& set : sets) {
    for (const CodePointRange& range : set.ranges()) {
      if (range.first > first) borders.push_back(range.first);
      if (range.last + 1 > first) borders.push_back(range.last + 1);
    }
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());

  CodePointTable table;
  std::map<std::string, uint8_t> classes;  // which sets contain it -> its number
  std::vector<uint8_t> flat(kNumCodePoints, 0);
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    std::string membership;
    for (const CodePointSet& set : sets) membership.push_back(set.contains(borders[i]) ? '1' : '0');
    const auto [found, is_new] = classes.emplace(membership, static_cast<uint8_t>(classes.size()));
    if (is_new) table.representatives_.push_back(borders[i]);
    if (classes.size() > max_classes) return std::nullopt;
    std::fill(flat.begin() + borders[i], flat.begin() + borders[i + 1], found->second);
  }

  std::map<std::string_view, uint16_t> blocks;
  for (size_t block = 0; block < table.blocks_.size(); ++block) {
    const std::string_view content(reinterpret_cast<const char*>(flat.data()) + block * 256, 256);
    const auto [found, is_new] = blocks.emplace(content, static_cast<uint16_t>(blocks.size()));
    if (is_new) table.values_.insert(table.values_.end(), content.begin(), content.end());
    table.blocks_[block] = found->second;
  }
  return table;
}

}  // namespace braid::unicode
