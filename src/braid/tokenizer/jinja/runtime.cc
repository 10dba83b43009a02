// Makes values within the limits.
#include "braid/tokenizer/jinja/runtime.h"

#include <algorithm>
#include <numeric>

#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

constexpr int32_t kMaxValueDepth = 500;  // destroying and printing a value is recursive
constexpr Int kMaxRange = 100'000;       // the limit of jinja2's sandbox

}  // namespace

Runtime::~Runtime() {
  for (auto& release : releases_) release();
}

Status Runtime::charge(int64_t steps) {
  steps_ += steps;
  if (steps_ > limits_.max_steps) return fail("the template takes more than {} steps", limits_.max_steps);
  return {};
}

Status Runtime::check_size(Int bytes) const {
  if (bytes > limits_.max_output_bytes) {
    return fail("the template makes a text of more than {} bytes", limits_.max_output_bytes);
  }
  return {};
}

Status Runtime::check_live() const {
  if (budget_.live_bytes > limits_.max_memory_bytes) {
    return fail("the template's values take more than {} bytes", limits_.max_memory_bytes);
  }
  return {};
}

Status Runtime::hold(int64_t bytes) {
  budget_.live_bytes += bytes;
  return check_live();
}

Result<Value> Runtime::string(std::string text, bool is_markup) {
  TRY_STATUS(charge_bytes(text.size()));
  TRY_STATUS(check_size(static_cast<Int>(text.size())));
  auto string = std::make_shared<String>();
  string->num_chars = count_chars(text);
  string->is_markup = is_markup;
  string->text = std::move(text);
  string->track(budget_, static_cast<int64_t>(sizeof(String) + 32 + string->text.capacity()));
  TRY_STATUS(check_live());
  return Value(StringPtr(std::move(string)));
}

Result<Value> Runtime::sequence(std::vector<Value> items, SequenceKind kind) {
  TRY_STATUS(charge(static_cast<int64_t>(items.size())));
  auto sequence = std::make_shared<Sequence>();
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, item.depth() + 1);
  if (sequence->depth > kMaxValueDepth) return fail("a value is nested deeper than {}", kMaxValueDepth);
  sequence->kind = kind;
  sequence->items = std::move(items);
  sequence->track(budget_, static_cast<int64_t>(sizeof(Sequence) + 32 + sequence->items.capacity() * sizeof(Value)));
  TRY_STATUS(check_live());
  return Value(SequencePtr(std::move(sequence)));
}

Result<Value> Runtime::generator(std::vector<Value> items, const Status& status) {
  TRY(Value value, sequence(std::move(items), SequenceKind::kGenerator));
  if (!status.ok()) const_cast<Sequence&>(value.as_sequence()).failure = status.error();  // nobody else has it yet
  return value;
}

Result<Value> Runtime::range(Int start, Int stop, Int step) {
  if (step == 0) return fail("range() arg 3 must not be zero");
  const Int distance = step > 0 ? stop - start : start - stop;
  const Int stride = step > 0 ? step : -step;
  const Int size = distance <= 0 ? 0 : (distance - 1) / stride + 1;
  if (size > kMaxRange) return fail("range too big: the sandbox allows {} numbers", static_cast<int64_t>(kMaxRange));
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(size));
  for (Int i = 0; i < size; ++i) items.emplace_back(start + i * step);
  TRY(Value value, sequence(std::move(items), SequenceKind::kRange));
  auto& made = const_cast<Sequence&>(value.as_sequence());  // nobody else has it yet
  made.range_start = start;
  made.range_stop = stop;
  made.range_step = step;
  return value;
}

Result<Value> Runtime::dict(std::vector<std::pair<Value, Value>> entries) {
  TRY_STATUS(charge(static_cast<int64_t>(entries.size())));
  auto dict = std::make_shared<Dict>();
  int64_t bytes = static_cast<int64_t>(sizeof(Dict)) + 32;
  for (const auto& [key, value] : entries) {
    if (!is_hashable(key)) return fail("unhashable type: '{}'", key.type_name());
    if (key.is_string()) TRY_STATUS(charge_bytes(key.text().size()));
    dict->depth = std::max({dict->depth, key.depth() + 1, value.depth() + 1});
  }
  if (dict->depth > kMaxValueDepth) return fail("a value is nested deeper than {}", kMaxValueDepth);

  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [&](uint32_t a, uint32_t b) { return key_order(entries[a].first, entries[b].first) < 0; };
  std::ranges::stable_sort(order, before);
  std::vector<bool> is_repeat(entries.size(), false);
  bool has_repeat = false;
  for (size_t i = 0; i < order.size();) {
    size_t last = i;
    while (last + 1 < order.size() && !before(order[i], order[last + 1])) is_repeat[order[++last]] = has_repeat = true;
    if (last != i) entries[order[i]].second = entries[order[last]].second;
    i = last + 1;
  }
  if (has_repeat) {
    std::vector<std::pair<Value, Value>> unique;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!is_repeat[i]) unique.push_back(std::move(entries[i]));
    }
    return this->dict(std::move(unique));
  }
  dict->entries = std::move(entries);
  if (dict->entries.size() > Dict::kFew) dict->order = std::move(order);
  bytes += static_cast<int64_t>(dict->entries.capacity() * 2 * sizeof(Value) + dict->order.size() * sizeof(uint32_t));
  dict->track(budget_, bytes);
  TRY_STATUS(check_live());
  return Value(DictPtr(std::move(dict)));
}

namespace {

Result<Value> convert(Runtime& runtime, const nlohmann::ordered_json& json, int32_t depth) {
  if (depth > kMaxValueDepth) return fail("the variables are nested deeper than {}", kMaxValueDepth);
  TRY_STATUS(runtime.charge(1));
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::boolean:
      return Value(json.get<bool>());
    case nlohmann::ordered_json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case nlohmann::ordered_json::value_t::number_unsigned:
      return Value(static_cast<Int>(json.get<uint64_t>()));
    case nlohmann::ordered_json::value_t::number_float:
      return Value(json.get<double>());
    case nlohmann::ordered_json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      if (!is_utf8(text)) return fail("a variable holds text that is not UTF-8");
      return runtime.string(text);
    }
    case nlohmann::ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) {
        TRY(Value value, convert(runtime, item, depth + 1));
        items.push_back(std::move(value));
      }
      return runtime.sequence(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      entries.reserve(json.size());
      for (const auto& [name, item] : json.items()) {
        if (!is_utf8(name)) return fail("a variable has a key that is not UTF-8");
        TRY(Value key, runtime.string(name));
        TRY(Value value, convert(runtime, item, depth + 1));
        entries.emplace_back(std::move(key), std::move(value));
      }
      return runtime.dict(std::move(entries));
    }
    default:
      return Value(None{});
  }
}

}  // namespace

Result<Value> from_json(Runtime& runtime, const nlohmann::ordered_json& json) {
  return convert(runtime, json, 1);
}

}  // namespace braid::jinja
