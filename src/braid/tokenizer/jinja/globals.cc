// The functions that every template can call: range, dict, namespace, cycler, joiner, and transformers' raise_exception
// and strftime_now.
#include <algorithm>
#include <array>

#include "braid/tokenizer/jinja/builtins.h"

namespace braid::jinja {

Result<std::optional<Value>> NamespaceObject::attribute(Evaluator&, std::string_view name) {
  for (const auto& [known, value] : attributes_) {
    if (known == name) return std::optional<Value>(value);
  }
  return std::optional<Value>();
}

Status NamespaceObject::set(Runtime& runtime, const std::string& name, Value value) {
  if (name.starts_with('_')) return fail("a namespace cannot store the underscore-prefixed attribute '{}'", name);
  TRY_STATUS(runtime.charge(static_cast<int64_t>(1 + attributes_.size() / 16)));
  for (auto& [known, old] : attributes_) {
    if (known != name) continue;
    old = std::move(value);
    return {};
  }
  TRY_STATUS(runtime.hold(static_cast<int64_t>(128 + name.size())));
  attributes_.emplace_back(name, std::move(value));
  return {};
}

namespace {

// dict(mapping or pairs, name=value …)
Result<std::vector<std::pair<Value, Value>>> dict_entries(Evaluator& evaluator, const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1)
    return fail("dict expected at most 1 argument, got {}", arguments.positional.size());
  if (!arguments.positional.empty() && arguments.positional[0].is_undefined()) {
    return Error{arguments.positional[0].undefined_message()};
  }
  if (!arguments.positional.empty() && arguments.positional[0].is_dict()) {
    entries = arguments.positional[0].as_dict().entries;
  } else if (!arguments.positional.empty()) {
    TRY(const auto pairs, iterate(evaluator.runtime(), arguments.positional[0]));
    for (const Value& pair : pairs) {
      if (!is_iterable(pair)) return fail("dict() needs pairs, got a value of type '{}'", pair.type_name());
      TRY(const auto two, iterate(evaluator.runtime(), pair));
      if (two.size() != 2) return fail("dict() needs pairs, got a sequence of {} values", two.size());
      entries.emplace_back(two[0], two[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    TRY(Value key, evaluator.runtime().string(name));
    entries.emplace_back(std::move(key), value);
  }
  return entries;
}

Result<Value> dict(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  TRY(auto entries, dict_entries(evaluator, arguments));
  return evaluator.runtime().dict(std::move(entries));
}

Result<Value> make_namespace(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  Runtime& runtime = evaluator.runtime();
  TRY(const auto entries, dict_entries(evaluator, arguments));
  auto space = std::make_shared<NamespaceObject>();
  TRY_STATUS(runtime.hold(256));
  runtime.at_end([space] { space->clear(); });
  for (const auto& [key, value] : entries) {
    TRY(const std::string name, to_text(runtime, key));
    TRY_STATUS(space->set(runtime, name, value));
  }
  return Value(ObjectPtr(std::move(space)));
}

Result<Value> range(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  if (!arguments.named.empty()) return fail("range() takes no keyword arguments");
  TRY(const auto bound, bind("range", arguments, {"start", "stop", "step"}, 1));
  std::array<Int, 3> values = {0, 0, 1};
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    TRY(values[i], want_int("range()'s argument", *bound[i]));
    if (values[i] > Int{1} << 62 || values[i] < -(Int{1} << 62)) return fail("range too big");
  }
  if (arguments.positional.size() == 1) std::swap(values[0], values[1]);
  return evaluator.runtime().range(values[0], values[1], values[2]);
}

Result<Value> raise_exception(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  TRY(const auto bound, bind("raise_exception", arguments, {"message"}, 1));
  TRY(const std::string message, to_text(evaluator.runtime(), *bound[0]));
  return Error{message};
}

// Supports the directives of strftime, but not glibc's widths, which could ask for gigabytes.
Result<Value> strftime_now(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  TRY(const auto bound, bind("strftime_now", arguments, {"format"}, 1));
  TRY(const auto format, want_text("strftime_now's format", *bound[0]));
  std::tm now{};
  if (evaluator.runtime().now() != nullptr) {
    now = *evaluator.runtime().now();
  } else {
    const std::time_t clock = std::time(nullptr);
    localtime_r(&clock, &now);
  }
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    std::string directive = "%";
    while (i + 2 < format.size() && std::string_view("-_0^#EO").find(format[i + 1]) != std::string_view::npos &&
           directive.size() < 4) {
      directive += format[++i];
    }
    directive += format[++i];
    if (directive == "%Z" || directive == "%z") continue;  // the reference's time has no zone
    if (directive == "%f") {
      out += "000000";
      continue;
    }
    char buffer[256];
    const size_t size = std::strftime(buffer, sizeof buffer, directive.c_str(), &now);
    out.append(buffer, size);
    TRY_STATUS(evaluator.runtime().check_size(static_cast<Int>(out.size())));
  }
  return evaluator.runtime().string(std::move(out));
}

// cycler(a, b, …): next(), current, reset().
class CyclerObject : public Object {
 public:
  explicit CyclerObject(Value items) : items_(std::move(items)) {}
  std::string type_name() const override { return "Cycler"; }
  int32_t depth() const override { return items_.depth() + 1; }
  const Value& current() const { return items_.as_sequence().items[at_]; }
  Value next() {
    const Value value = current();
    at_ = (at_ + 1) % items_.as_sequence().items.size();
    return value;
  }
  void reset() { at_ = 0; }
  Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name) override;

 private:
  Value items_;
  size_t at_ = 0;
};

Result<Value> cycler_next(Evaluator&, const Value& self, const Arguments&) {
  return static_cast<CyclerObject&>(*self.as_object()).next();
}

Result<Value> cycler_reset(Evaluator&, const Value& self, const Arguments&) {
  static_cast<CyclerObject&>(*self.as_object()).reset();
  return Value(None{});
}

Result<std::optional<Value>> CyclerObject::attribute(Evaluator&, std::string_view name) {
  using Found = std::optional<Value>;
  if (name == "current") return Found(current());
  if (name != "next" && name != "reset") return Found();
  const bool is_next = name == "next";
  return Found(ObjectPtr(std::make_shared<BuiltinObject>(
      is_next ? "next" : "reset", is_next ? cycler_next : cycler_reset, Value(shared_from_this()), true)));
}

Result<Value> make_cycler(Evaluator& evaluator, const Value&, const Arguments& arguments) {
  if (arguments.positional.empty()) return fail("at least one item has to be provided");
  TRY(Value items, evaluator.runtime().sequence(arguments.positional));
  if (items.depth() > 400) return fail("a value is nested too deeply");
  return Value(ObjectPtr(std::make_shared<CyclerObject>(std::move(items))));
}

// joiner(sep): "" at the first call, sep at later calls.
class JoinerObject : public Object {
 public:
  explicit JoinerObject(Value separator) : separator_(std::move(separator)) {}
  std::string type_name() const override { return "Joiner"; }
  int32_t depth() const override { return separator_.depth() + 1; }
  bool is_callable() const override { return true; }
  Result<Value> call(Evaluator&, const Arguments&) override {
    if (std::exchange(is_used_, true)) return separator_;
    return Value::constant("");
  }

 private:
  Value separator_;
  bool is_used_ = false;
};

Result<Value> make_joiner(Evaluator&, const Value&, const Arguments& arguments) {
  TRY(const auto bound, bind("joiner", arguments, {"sep"}));
  if (bound[0] != nullptr && bound[0]->depth() > 400) return fail("a value is nested too deeply");
  return Value(ObjectPtr(std::make_shared<JoinerObject>(bound[0] != nullptr ? *bound[0] : Value::constant(", "))));
}

constexpr std::array<NamedBuiltin, 7> kGlobals = {{
    {"range", range},
    {"dict", dict},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
    {"cycler", make_cycler},
    {"joiner", make_joiner},
}};

}  // namespace

Value find_global(std::string_view name) {
  const auto* at = std::ranges::find(kGlobals, name, &NamedBuiltin::name);
  if (at == kGlobals.end()) return {};
  return Value(ObjectPtr(std::make_shared<BuiltinObject>(at->name, at->function, Value(), false)));
}

}  // namespace braid::jinja
