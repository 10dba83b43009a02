// The methods of str.
#include <algorithm>
#include <array>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

Result<Value> texts(Evaluator& evaluator, const std::vector<std::string_view>& parts,
                    SequenceKind kind = SequenceKind::kList) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const auto part : parts) {
    TRY(Value value, evaluator.runtime().string(std::string(part)));
    values.push_back(std::move(value));
  }
  return evaluator.runtime().sequence(std::move(values), kind);
}

enum class Side { kLeft, kRight, kBoth };

template <Side side>
Result<Value> strip(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("strip", arguments, {"chars"}));
  std::string_view text = self.text();
  if (bound[0] == nullptr || bound[0]->is_none()) {
    if (side != Side::kRight) text = strip_left(text);
    if (side != Side::kLeft) text = strip_right(text);
  } else {
    TRY(const auto chars, want_text("strip's characters", *bound[0]));
    if (side != Side::kRight) text = strip_left(text, chars);
    if (side != Side::kLeft) text = strip_right(text, chars);
  }
  return evaluator.runtime().string(std::string(text));
}

template <bool from_right>
Result<Value> split(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("split", arguments, {"sep", "maxsplit"}));
  TRY_STATUS(evaluator.runtime().charge_bytes(self.text().size()));
  Int max_split = -1;
  if (bound[1] != nullptr) {
    TRY(max_split, want_int("maxsplit", *bound[1]));
  }
  const auto limit = static_cast<int64_t>(std::clamp<Int>(max_split, -1, Int{1} << 40));
  if (bound[0] == nullptr || bound[0]->is_none()) {
    return texts(evaluator, from_right ? rsplit_space(self.text(), limit) : split_space(self.text(), limit));
  }
  TRY(const auto separator, want_text("split's separator", *bound[0]));
  if (separator.empty()) return fail("empty separator");
  return texts(evaluator,
               from_right ? rsplit_by(self.text(), separator, limit) : split_by(self.text(), separator, limit));
}

Result<Value> splitlines(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("splitlines", arguments, {"keepends"}));
  return texts(evaluator, split_lines(self.text(), bound[0] != nullptr && is_true(*bound[0])));
}

template <bool from_right>
Result<Value> partition(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("partition", arguments, {"sep"}, 1));
  TRY(const auto separator, want_text("partition's separator", *bound[0]));
  if (separator.empty()) return fail("empty separator");
  const std::string_view text = self.text();
  const size_t at = from_right ? rfind_text(text, separator) : find_text(text, separator);
  if (at == std::string_view::npos) {
    if (from_right) return texts(evaluator, {"", "", text}, SequenceKind::kTuple);
    return texts(evaluator, {text, "", ""}, SequenceKind::kTuple);
  }
  return texts(evaluator, {text.substr(0, at), separator, text.substr(at + separator.size())}, SequenceKind::kTuple);
}

// The part of the string between optional start and end arguments (in code points); nullopt if start is past the end.
Result<std::optional<std::string_view>> window(const Value& self, const Value* start, const Value* end,
                                               size_t& offset) {
  using Window = std::optional<std::string_view>;
  const Int size = self.as_string().num_chars;
  const auto bound = [&](const Value* v, Int otherwise) -> Result<Int> {
    if (v == nullptr || v->is_none()) return otherwise;
    TRY(const Int given, want_int("an index", *v));
    return given < 0 ? std::max<Int>(given + size, 0) : given;
  };
  TRY(const Int from, bound(start, 0));
  TRY(const Int to, bound(end, size));
  if (from > size || from > to) return Window();
  const std::string_view text = self.text();
  offset = offset_of_char(text, static_cast<int64_t>(from));
  const size_t stop = offset_of_char(text, static_cast<int64_t>(std::min(to, size)));
  return Window(text.substr(offset, stop - offset));
}

template <bool at_end>
Result<Value> has_affix(Evaluator&, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind(at_end ? "endswith" : "startswith", arguments, {"prefix", "start", "end"}, 1));
  size_t offset = 0;
  TRY(const auto text, window(self, bound[1], bound[2], offset));
  const auto fits = [&](const Value& affix) -> Result<bool> {
    TRY(const auto wanted, want_text("the prefix or suffix", affix));
    return text && (at_end ? text->ends_with(wanted) : text->starts_with(wanted));
  };
  if (!bound[0]->is_sequence(SequenceKind::kTuple)) {
    TRY(const bool found, fits(*bound[0]));
    return Value(found);
  }
  for (const Value& affix : bound[0]->as_sequence().items) {
    TRY(const bool found, fits(affix));
    if (found) return Value(true);
  }
  return Value(false);
}

template <bool from_right, bool must_exist>
Result<Value> find(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("find", arguments, {"sub", "start", "end"}, 1));
  TRY(const auto what, want_text("what is sought", *bound[0]));
  TRY_STATUS(evaluator.runtime().charge_bytes(self.text().size()));
  size_t offset = 0;
  TRY(const auto text, window(self, bound[1], bound[2], offset));
  size_t at = std::string_view::npos;
  if (text) at = from_right ? rfind_text(*text, what) : find_text(*text, what);
  if (at != std::string_view::npos) return Value(count_chars(std::string_view(self.text()).substr(0, offset + at)));
  if (must_exist) return fail("substring not found");
  return Value(-1);
}

Result<Value> count(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("count", arguments, {"sub", "start", "end"}, 1));
  TRY(const auto what, want_text("what is counted", *bound[0]));
  TRY_STATUS(evaluator.runtime().charge_bytes(self.text().size()));
  size_t offset = 0;
  TRY(const auto text, window(self, bound[1], bound[2], offset));
  return Value(text ? count_text(*text, what) : 0);
}

Result<Value> replace(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("replace", arguments, {"old", "new", "count"}, 2));
  TRY([[maybe_unused]] const auto from, want_text("replace's old", *bound[0]));
  TRY([[maybe_unused]] const auto to, want_text("replace's new", *bound[1]));
  return find_filter("replace")(evaluator, self, arguments);
}

Result<Value> join(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("join", arguments, {"iterable"}, 1));
  if (bound[0]->is_undefined()) return evaluator.runtime().string("");
  TRY(const auto items, iterate(evaluator.runtime(), *bound[0]));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string())
      return fail("sequence item {}: expected str instance, {} found", i, items[i].type_name());
    TRY_STATUS(
        evaluator.runtime().check_size(static_cast<Int>(out.size() + self.text().size() + items[i].text().size())));
    if (i > 0) out += self.text();
    out += items[i].text();
  }
  return evaluator.runtime().string(std::move(out));
}

template <std::string (*map)(std::string_view)>
Result<Value> map_text(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY([[maybe_unused]] const auto bound, bind("the method", arguments, {}));
  return evaluator.runtime().string(map(self.text()));
}

std::string swap_case(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = next_char(text, at);
    const auto piece = text.substr(start, at - start);
    out += is_upper(c) ? to_lower(piece) : (is_lower(c) ? to_upper(piece) : std::string(piece));
  }
  return out;
}

template <bool (*holds)(char32_t)>
Result<Value> every_char(Evaluator&, const Value& self, const Arguments& arguments) {
  TRY([[maybe_unused]] const auto bound, bind("the method", arguments, {}));
  const std::string& text = self.text();
  for (size_t at = 0; at < text.size();) {
    if (!holds(next_char(text, at))) return Value(false);
  }
  return Value(!text.empty());
}

template <bool wants_upper>
Result<Value> is_in_case(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const bool holds, find_test(wants_upper ? "upper" : "lower")(evaluator, self, arguments));
  return Value(holds);
}

template <bool at_end>
Result<Value> remove_affix(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind(at_end ? "removesuffix" : "removeprefix", arguments, {"affix"}, 1));
  TRY(const auto affix, want_text("the prefix or suffix", *bound[0]));
  std::string_view text = self.text();
  if (at_end && !affix.empty() && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  return evaluator.runtime().string(std::string(text));
}

template <Side side>
Result<Value> justify(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("the method", arguments, {"width", "fillchar"}, 1));
  TRY(const Int width, want_int("the width", *bound[0]));
  std::string_view fill = " ";
  if (bound[1] != nullptr) {
    TRY(fill, want_text("the fill character", *bound[1]));
  }
  if (count_chars(fill) != 1) return fail("The fill character must be exactly one character long");
  TRY_STATUS(evaluator.runtime().check_size(width * 4));
  const Int pad = std::max<Int>(width - self.as_string().num_chars, 0);
  const Int left = side == Side::kLeft ? 0 : (side == Side::kRight ? pad : pad / 2 + (pad & width & 1));
  std::string out;
  for (Int i = 0; i < left; ++i) out += fill;
  out += self.text();
  for (Int i = left; i < pad; ++i) out += fill;
  return evaluator.runtime().string(std::move(out));
}

Result<Value> zfill(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("zfill", arguments, {"width"}, 1));
  TRY(const Int width, want_int("zfill's width", *bound[0]));
  TRY_STATUS(evaluator.runtime().check_size(width));
  const Int pad = std::max<Int>(width - self.as_string().num_chars, 0);
  std::string out = self.text();
  const bool is_signed = out.starts_with('-') || out.starts_with('+');
  out.insert(is_signed ? 1 : 0, static_cast<size_t>(pad), '0');
  return evaluator.runtime().string(std::move(out));
}

Result<Value> expandtabs(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("expandtabs", arguments, {"tabsize"}));
  Int tab = 8;
  if (bound[0] != nullptr) {
    TRY(tab, want_int("expandtabs' tabsize", *bound[0]));
  }
  const std::string& text = self.text();
  const Int num_tabs = std::ranges::count(text, '\t');
  if (num_tabs > 0) TRY_STATUS(evaluator.runtime().check_size(tab));
  TRY_STATUS(evaluator.runtime().check_size(static_cast<Int>(text.size()) + num_tabs * std::max<Int>(tab, 0)));
  std::string out;
  Int column = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (c == '\t') {
      const Int missing = tab > 0 ? tab - column % tab : 0;
      out.append(static_cast<size_t>(missing), ' ');
      column += missing;
      continue;
    }
    append_char(out, c);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return evaluator.runtime().string(std::move(out));
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_all_printable(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (!is_printable(next_char(text, at))) return false;
  }
  return true;
}

// Letters, digits and underscores, which make up nearly all names. Combining marks are not supported.
bool is_identifier(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const bool is_first = at == 0;
    const char32_t c = next_char(text, at);
    if (c != '_' && !is_alpha(c) && (is_first || !is_decimal_digit(c))) return false;
  }
  return !text.empty();
}

template <bool (*holds)(std::string_view)>
Result<Value> whole_text(Evaluator&, const Value& self, const Arguments& arguments) {
  TRY([[maybe_unused]] const auto bound, bind("the method", arguments, {}));
  return Value(holds(self.text()));
}

// format(**mapping)
Result<Value> format_map(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("format_map", arguments, {"mapping"}, 1));
  if (!bound[0]->is_dict()) return fail("format_map() needs a mapping, not {}", bound[0]->type_name());
  Arguments fields;
  for (const auto& [key, value] : bound[0]->as_dict().entries) {
    if (key.is_string()) fields.named.emplace_back(key.text(), value);
  }
  return format_braces(evaluator, self, fields);
}

constexpr std::array<NamedBuiltin, 43> kMethods = {{
    {"strip", strip<Side::kBoth>},
    {"lstrip", strip<Side::kLeft>},
    {"rstrip", strip<Side::kRight>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"startswith", has_affix<false>},
    {"endswith", has_affix<true>},
    {"find", find<false, false>},
    {"rfind", find<true, false>},
    {"index", find<false, true>},
    {"rindex", find<true, true>},
    {"count", count},
    {"replace", replace},
    {"join", join},
    {"upper", map_text<to_upper>},
    {"lower", map_text<to_lower>},
    {"casefold", map_text<fold_case>},
    {"title", map_text<title_case>},
    {"capitalize", map_text<capitalize>},
    {"swapcase", map_text<swap_case>},
    {"isdigit", every_char<is_any_digit>},
    {"isdecimal", every_char<is_decimal_digit>},
    {"isnumeric", every_char<is_numeric>},
    {"isalpha", every_char<is_alpha>},
    {"isalnum", every_char<is_alnum>},
    {"isspace", every_char<is_space>},
    {"isupper", is_in_case<true>},
    {"islower", is_in_case<false>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"ljust", justify<Side::kLeft>},
    {"rjust", justify<Side::kRight>},
    {"center", justify<Side::kBoth>},
    {"zfill", zfill},
    {"expandtabs", expandtabs},
    {"isascii", whole_text<is_ascii>},
    {"isprintable", whole_text<is_all_printable>},
    {"isidentifier", whole_text<is_identifier>},
    {"istitle", whole_text<is_title_case>},
    {"format_map", format_map},
}};

}  // namespace

Builtin find_string_method(std::string_view name) {
  if (name == "format") return format_braces;
  const auto* at = std::ranges::find(kMethods, name, &NamedBuiltin::name);
  return at != kMethods.end() ? at->function : nullptr;
}

}  // namespace braid::jinja
