// Filters that return text.
#include <algorithm>
#include <array>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

// A filter without arguments that maps str(value).
template <typename Map>
Result<Value> map_text(Evaluator& evaluator, const Value& input, const Arguments& arguments, std::string_view name,
                       Map map) {
  TRY_STATUS([&]() -> Status {
    TRY([[maybe_unused]] const auto bound, bind(name, arguments, {}));
    return {};
  }());
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  return evaluator.runtime().string(map(text), input.is_string() && input.as_string().is_markup);
}

Result<Value> upper(Evaluator& e, const Value& v, const Arguments& a) {
  return map_text(e, v, a, "upper", to_upper);
}
Result<Value> lower(Evaluator& e, const Value& v, const Arguments& a) {
  return map_text(e, v, a, "lower", to_lower);
}
Result<Value> capitalize_filter(Evaluator& e, const Value& v, const Arguments& a) {
  return map_text(e, v, a, "capitalize", capitalize);
}

// Puts each word's first character in upper case. A word ends at white space, -, (, {, [ or <.
std::string title_words(std::string_view text) {
  std::string out;
  const auto ends_word = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const bool is_gap = ends_word(next_char(text, at));
    const size_t first_end = at;
    size_t end = at;
    while (at < text.size()) {
      if (ends_word(next_char(text, at)) != is_gap) break;
      end = at;
    }
    at = end;
    out += to_upper(text.substr(start, first_end - start));
    out += to_lower(text.substr(first_end, end - first_end));
  }
  return out;
}

Result<Value> title(Evaluator& e, const Value& v, const Arguments& a) {
  return map_text(e, v, a, "title", title_words);
}

Result<Value> trim(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("trim", arguments, {"chars"}));
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  if (bound[0] == nullptr || bound[0]->is_none())
    return evaluator.runtime().string(std::string(strip_left(strip_right(text))));
  TRY(const auto chars, want_text("trim's chars", *bound[0]));
  return evaluator.runtime().string(std::string(strip_left(strip_right(text, chars), chars)));
}

Result<Value> string_filter(Evaluator& evaluator, const Value& input, const Arguments&) {
  if (input.is_string()) return input;
  TRY(std::string text, to_text(evaluator.runtime(), input));
  return evaluator.runtime().string(std::move(text));
}

Result<Value> safe(Evaluator& evaluator, const Value& input, const Arguments&) {
  TRY(std::string text, to_text(evaluator.runtime(), input));
  return evaluator.runtime().string(std::move(text), true);
}

Result<Value> force_escape(Evaluator& evaluator, const Value& input, const Arguments&) {
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  return evaluator.runtime().string(html_escape(text), true);
}

Result<Value> escape(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  if (input.is_string() && input.as_string().is_markup) return input;
  return force_escape(evaluator, input, arguments);
}

Result<Value> replace_filter(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("replace", arguments, {"old", "new", "count"}, 2));
  Runtime& runtime = evaluator.runtime();
  TRY(const std::string text, to_text(runtime, input));
  TRY(const std::string from, to_text(runtime, *bound[0]));
  TRY(const std::string to, to_text(runtime, *bound[1]));
  Int count = -1;
  if (bound[2] != nullptr && !bound[2]->is_none()) {
    TRY(count, want_int("replace's count", *bound[2]));
  }
  const auto hits = static_cast<Int>(count_text(text, from));
  const Int replaced = count < 0 ? hits : std::min(count, hits);
  TRY_STATUS(runtime.check_size(static_cast<Int>(text.size()) + replaced * static_cast<Int>(to.size())));
  return runtime.string(replace_text(text, from, to, static_cast<int64_t>(replaced)));
}

Result<Value> join_filter(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("join", arguments, {"d", "attribute"}));
  Runtime& runtime = evaluator.runtime();
  std::string separator;
  if (bound[0] != nullptr) {
    TRY(separator, to_text(runtime, *bound[0]));
  }
  TRY(const auto items, iterate(runtime, input));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    Value item = items[i];
    if (bound[1] != nullptr && !bound[1]->is_none()) {
      TRY(item, dotted_attribute(evaluator, item, *bound[1]));
    }
    TRY(const std::string text, to_text(runtime, item));
    TRY_STATUS(runtime.check_size(static_cast<Int>(out.size() + separator.size() + text.size())));
    if (i > 0) out += separator;
    out += text;
  }
  return runtime.string(std::move(out));
}

Result<Value> indent(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("indent", arguments, {"width", "first", "blank"}));
  Runtime& runtime = evaluator.runtime();
  TRY(const auto given, want_text("indent's value", input));
  std::string indention(4, ' ');
  if (bound[0] != nullptr && bound[0]->is_string()) {
    indention = bound[0]->text();
  } else if (bound[0] != nullptr) {
    TRY(const Int width, want_int("indent's width", *bound[0]));
    TRY_STATUS(runtime.check_size(width));
    indention = std::string(static_cast<size_t>(std::max<Int>(width, 0)), ' ');
  }
  const std::string text = std::string(given) + "\n";
  const auto lines = split_lines(text, false);
  const bool indents_blank = bound[2] != nullptr && is_true(*bound[2]);
  TRY_STATUS(runtime.check_size(static_cast<Int>(text.size()) +
                                static_cast<Int>(lines.size()) * static_cast<Int>(indention.size())));
  std::string out;
  if (bound[1] != nullptr && is_true(*bound[1])) out = indention;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (indents_blank || !lines[i].empty())) out += indention;
    out += lines[i];
  }
  return runtime.string(std::move(out), input.as_string().is_markup);
}

Result<Value> tojson(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = bound[0] != nullptr && is_true(*bound[0]);
  style.sort_keys = bound[3] != nullptr && is_true(*bound[3]);
  if (bound[1] != nullptr && !bound[1]->is_none()) {
    if (bound[1]->is_string()) {
      style.indent = bound[1]->text();
    } else {
      TRY(const Int width, want_int("tojson's indent", *bound[1]));
      if (width > 100) return fail("tojson's indent is at most 100");
      style.indent = std::string(static_cast<size_t>(std::max<Int>(width, 0)), ' ');
    }
    if (style.indent->size() > 100) return fail("tojson's indent is at most 100 characters");
    style.item_separator = ",";
  }
  if (bound[2] != nullptr && !bound[2]->is_none()) {
    TRY(const auto separators, iterate(evaluator.runtime(), *bound[2]));
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      return fail("tojson's separators must be two strings");
    }
    style.item_separator = separators[0].text();
    style.key_separator = separators[1].text();
  }
  TRY(std::string text, to_json(evaluator.runtime(), input, style));
  return evaluator.runtime().string(std::move(text));
}

Result<Value> format(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  Runtime& runtime = evaluator.runtime();
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    return fail("format() takes positional or keyword arguments, not both");
  }
  TRY(std::string text, to_text(runtime, input));
  TRY(const Value pattern, runtime.string(std::move(text)));
  if (arguments.named.empty()) {
    TRY(const Value values, runtime.sequence(arguments.positional, SequenceKind::kTuple));
    return format_percent(runtime, pattern, values);
  }
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::constant(name), value);
  TRY(const Value values, runtime.dict(std::move(entries)));
  return format_percent(runtime, pattern, values);
}

Result<Value> truncate(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
  Int limit = 255;
  Int leeway = 5;
  std::string_view end = "...";
  if (bound[0] != nullptr) {
    TRY(limit, want_int("truncate's length", *bound[0]));
  }
  if (bound[2] != nullptr) {
    TRY(end, want_text("truncate's end", *bound[2]));
  }
  if (bound[3] != nullptr && !bound[3]->is_none()) {
    TRY(leeway, want_int("truncate's leeway", *bound[3]));
  }
  const Int end_size = count_chars(end);
  if (limit < end_size || leeway < 0)
    return fail("truncate's length must be at least {}, its leeway 0", count_chars(end));
  if (const auto size = length(input); size && *size <= limit + leeway) return input;
  TRY(const auto text, want_text("truncate's value", input));
  auto kept = text.substr(0, offset_of_char(text, static_cast<int64_t>(limit - end_size)));
  if (bound[1] == nullptr || !is_true(*bound[1])) kept = rsplit_by(kept, " ", 1)[0];
  return evaluator.runtime().string(std::string(kept) + std::string(end));
}

Result<Value> center(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("center", arguments, {"width"}));
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  Int width = 80;
  if (bound[0] != nullptr) {
    TRY(width, want_int("center's width", *bound[0]));
  }
  TRY_STATUS(evaluator.runtime().check_size(width));
  const Int pad = std::max<Int>(width - count_chars(text), 0);
  const Int left = pad / 2 + (pad & width & 1);  // as CPython rounds
  return evaluator.runtime().string(std::string(static_cast<size_t>(left), ' ') + text +
                                    std::string(static_cast<size_t>(pad - left), ' '));
}

std::string url_quoted(std::string_view text, bool is_query) {
  std::string out;
  for (const char c : text) {
    const bool is_kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                         c == '.' || c == '-' || c == '~' || (c == '/' && !is_query);
    if (is_kept) {
      out += c;
    } else if (c == ' ' && is_query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// Encodes a text, or a query: a dict, or a list of pairs.
Result<Value> urlencode(Evaluator& evaluator, const Value& input, const Arguments&) {
  Runtime& runtime = evaluator.runtime();
  if (input.is_string() || !is_iterable(input)) {
    TRY(const std::string text, to_text(runtime, input));
    return runtime.string(url_quoted(text, false));
  }
  std::vector<std::pair<Value, Value>> pairs;
  if (input.is_dict()) {
    pairs = input.as_dict().entries;
  } else {
    TRY(const auto items, iterate(runtime, input));
    for (const Value& item : items) {
      if (!is_iterable(item)) return fail("urlencode needs pairs, got a value of type '{}'", item.type_name());
      TRY(const auto two, iterate(runtime, item));
      if (two.size() != 2) return fail("urlencode needs pairs, got {} values", two.size());
      pairs.emplace_back(two[0], two[1]);
    }
  }
  std::string out;
  for (const auto& [key, value] : pairs) {
    TRY(const std::string name, to_text(runtime, key));
    TRY(const std::string text, to_text(runtime, value));
    if (!out.empty()) out += '&';
    out += url_quoted(name, true) + "=" + url_quoted(text, true);
    TRY_STATUS(runtime.check_size(static_cast<Int>(out.size())));
  }
  return runtime.string(std::move(out));
}

constexpr std::array<NamedBuiltin, 20> kTextFilters = {{
    {"tojson", tojson},
    {"trim", trim},
    {"string", string_filter},
    {"upper", upper},
    {"lower", lower},
    {"replace", replace_filter},
    {"join", join_filter},
    {"title", title},
    {"indent", indent},
    {"safe", safe},
    {"capitalize", capitalize_filter},
    {"escape", escape},
    {"e", escape},
    {"format", format},
    {"forceescape", force_escape},
    {"truncate", truncate},
    {"center", center},
    {"urlencode", urlencode},
}};

}  // namespace

Builtin find_text_filter(std::string_view name) {
  const auto* at = std::ranges::find(kTextFilters, name, &NamedBuiltin::name);
  return at != kTextFilters.end() && !name.empty() ? at->function : nullptr;
}

}  // namespace braid::jinja
