// Filters over whole sequences: first, list, reverse, batch, items, default …
#include <algorithm>
#include <array>
#include <span>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

Result<Value> default_filter(Evaluator&, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("default", arguments, {"default_value", "boolean"}));
  const bool is_boolean = bound[1] != nullptr && is_true(*bound[1]);
  if (!input.is_undefined() && !(is_boolean && !is_true(input))) return input;
  return bound[0] != nullptr ? *bound[0] : Value::constant("");
}

Result<Value> list_filter(Evaluator& evaluator, const Value& input, const Arguments&) {
  TRY(auto items, iterate(evaluator.runtime(), input));
  return evaluator.runtime().sequence(std::move(items));
}

Result<Value> first(Evaluator& evaluator, const Value& input, const Arguments&) {
  if (input.is_sequence(SequenceKind::kGenerator)) {  // takes one item of a generator, and leaves the rest
    const Sequence& source = input.as_sequence();
    if (source.next_item < source.items.size()) return source.items[source.next_item++];
  }
  TRY(const auto items, iterate(evaluator.runtime(), input));
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Result<Value> last(Evaluator& evaluator, const Value& input, const Arguments&) {
  if (input.is_sequence(SequenceKind::kGenerator)) return fail("'generator' object is not reversible");
  TRY(const auto items, iterate(evaluator.runtime(), input));
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Result<Value> reverse(Evaluator& evaluator, const Value& input, const Arguments&) {
  if (input.is_string()) {
    auto chars = to_chars32(input.text());
    std::ranges::reverse(chars);
    return evaluator.runtime().string(to_utf8(chars));
  }
  TRY(auto items, iterate(evaluator.runtime(), input));
  std::ranges::reverse(items);
  const bool is_list = input.is_sequence(SequenceKind::kGenerator);  // Python cannot reverse a generator lazily
  return evaluator.runtime().sequence(std::move(items), is_list ? SequenceKind::kList : SequenceKind::kGenerator);
}

Status fill_items(Evaluator& evaluator, const Value& input, std::vector<Value>& pairs) {
  if (input.is_undefined()) return {};
  if (!input.is_dict()) return fail("Can only get item pairs from a mapping.");
  for (const auto& [key, value] : input.as_dict().entries) {
    TRY(Value pair, evaluator.runtime().sequence({key, value}, SequenceKind::kTuple));
    pairs.push_back(std::move(pair));
  }
  return {};
}

Result<Value> items_filter(Evaluator& evaluator, const Value& input, const Arguments&) {
  std::vector<Value> pairs;
  const Status status = fill_items(evaluator, input, pairs);
  return evaluator.runtime().generator(std::move(pairs), status);
}

Status fill_batches(Evaluator& evaluator, const Value& input, std::span<const Value* const> bound,
                    std::vector<Value>& lines) {
  TRY(const Int size, want_int("batch's size", *bound[0]));
  const bool fills = bound[1] != nullptr && !bound[1]->is_none();
  if (fills) TRY_STATUS(evaluator.runtime().check_size(size * static_cast<Int>(sizeof(Value))));
  TRY(const auto items, iterate(evaluator.runtime(), input));
  std::vector<Value> line;
  const auto end_line = [&]() -> Status {
    TRY(Value made, evaluator.runtime().sequence(std::move(line)));
    line.clear();
    lines.push_back(std::move(made));
    return {};
  };
  for (const Value& item : items) {
    if (static_cast<Int>(line.size()) == size) TRY_STATUS(end_line());
    line.push_back(item);
  }
  if (!line.empty()) {
    while (fills && static_cast<Int>(line.size()) < size) line.push_back(*bound[1]);
    TRY_STATUS(end_line());
  }
  return {};
}

Result<Value> batch(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("batch", arguments, {"linecount", "fill_with"}, 1));
  std::vector<Value> lines;
  const Status status = fill_batches(evaluator, input, bound, lines);
  return evaluator.runtime().generator(std::move(lines), status);
}

Status fill_slices(Evaluator& evaluator, const Value& input, std::span<const Value* const> bound,
                   std::vector<Value>& slices) {
  TRY(const Int num_slices, want_int("slice's count", *bound[0]));
  TRY(const auto items, iterate(evaluator.runtime(), input));
  if (num_slices == 0) return fail("integer division or modulo by zero");
  TRY_STATUS(evaluator.runtime().check_size(num_slices * static_cast<Int>(sizeof(Value))));
  const Int each = static_cast<Int>(items.size()) / num_slices;
  const Int num_longer = static_cast<Int>(items.size()) % num_slices;
  auto at = items.begin();
  for (Int i = 0; i < num_slices; ++i) {
    const auto size = static_cast<std::ptrdiff_t>(each + (i < num_longer ? 1 : 0));
    std::vector<Value> part(at, at + size);
    at += size;
    if (bound[1] != nullptr && !bound[1]->is_none() && i >= num_longer) part.push_back(*bound[1]);
    TRY(Value made, evaluator.runtime().sequence(std::move(part)));
    slices.push_back(std::move(made));
  }
  return {};
}

Result<Value> slice_filter(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("slice", arguments, {"slices", "fill_with"}, 1));
  std::vector<Value> slices;
  const Status status = fill_slices(evaluator, input, bound, slices);
  return evaluator.runtime().generator(std::move(slices), status);
}

Result<Value> attr(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("attr", arguments, {"name"}, 1));
  TRY(const auto name, want_text("attr's name", *bound[0]));
  if (input.is_undefined()) return Error{input.undefined_message()};
  const bool is_attribute = input.is_object() || find_method(input, name) != nullptr;
  if (is_attribute) return evaluator.attribute(input, name);
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", input.type_name(), name));
}

constexpr std::array<NamedBuiltin, 10> kSequenceFilters = {{
    {"default", default_filter},
    {"d", default_filter},
    {"list", list_filter},
    {"first", first},
    {"last", last},
    {"reverse", reverse},
    {"items", items_filter},
    {"batch", batch},
    {"slice", slice_filter},
    {"attr", attr},
}};

}  // namespace

Builtin find_sequence_filter(std::string_view name) {
  const auto* at = std::ranges::find(kSequenceFilters, name, &NamedBuiltin::name);
  return at != kSequenceFilters.end() ? at->function : nullptr;
}

}  // namespace braid::jinja
