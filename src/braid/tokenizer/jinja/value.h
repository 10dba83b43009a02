// The values of a template: Python's, as far as Jinja shows them. Lists, tuples and dicts are immutable (as in jinja2's
// immutable sandbox), so only objects (namespaces, macros) can form cycles. Runtime holds those and breaks the cycles
// at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "braid/base/result.h"

namespace braid::jinja {

// Python's integers are unbounded. 128 bits are enough for every number in a prompt; overflow is an error.
__extension__ typedef __int128 Int;  // NOLINT: `using` cannot carry __extension__

class Evaluator;
class Value;
struct Arguments;

struct None {
  bool operator==(const None&) const = default;
};

// Counts the bytes that live values hold.
struct Budget {
  int64_t live_bytes = 0;
};

// A heap object whose size is counted during its lifetime.
class Tracked {
 public:
  Tracked() = default;
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;
  ~Tracked() {
    if (budget_ != nullptr) budget_->live_bytes -= bytes_;
  }

  void track(Budget& budget, int64_t bytes) {
    budget_ = &budget;
    bytes_ = bytes;
    budget.live_bytes += bytes;
  }

 private:
  Budget* budget_ = nullptr;
  int64_t bytes_ = 0;
};

struct String : Tracked {
  std::string text;        // UTF-8
  int64_t num_chars = 0;   // code points
  bool is_markup = false;  // marked `safe`: `+` escapes the other operand, as markupsafe does
  bool is_ascii() const { return num_chars == static_cast<int64_t>(text.size()); }
};

enum class SequenceKind : uint8_t { kList, kTuple, kRange, kDictKeys, kDictValues, kDictItems, kGenerator };

struct Sequence : Tracked {
  SequenceKind kind = SequenceKind::kList;
  int32_t depth = 1;  // of nested sequences and dicts
  std::vector<Value> items;
  Int range_start = 0;  // bounds of a range, for its text
  Int range_stop = 0;
  Int range_step = 1;
  bool is_group = false;         // a pair made by groupby, which also has .grouper and .list
  mutable size_t next_item = 0;  // of a generator, which yields each item once
  std::optional<Error> failure;  // the error that ends a generator, reported when it is reached
};

struct Dict;

// A value with behaviour: a function, a macro, a namespace, `loop`.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  virtual std::string type_name() const = 0;
  virtual std::string repr() const { return "<" + type_name() + ">"; }
  virtual bool is_callable() const { return false; }
  virtual int32_t depth() const { return 0; }  // of the values that it holds until its end
  virtual Result<Value> call(Evaluator& evaluator, const Arguments& arguments);
  // nullopt if there is no such attribute.
  virtual Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name);
};

using StringPtr = std::shared_ptr<const String>;
using SequencePtr = std::shared_ptr<const Sequence>;
using DictPtr = std::shared_ptr<const Dict>;
using ObjectPtr = std::shared_ptr<Object>;
struct Undefined {
  std::shared_ptr<const std::string> hint;  // the error when it is used; null: "value is undefined"
};

class Value {
 public:
  using State = std::variant<Undefined, None, bool, Int, double, StringPtr, SequencePtr, DictPtr, ObjectPtr>;

  Value() = default;                                         // undefined
  Value(None) : state_(None{}) {}                            // NOLINT: implicit on purpose, as are the next ones
  Value(bool value) : state_(value) {}                       // NOLINT
  Value(Int value) : state_(value) {}                        // NOLINT
  Value(int value) : state_(static_cast<Int>(value)) {}      // NOLINT
  Value(int64_t value) : state_(static_cast<Int>(value)) {}  // NOLINT
  Value(double value) : state_(value) {}                     // NOLINT
  Value(StringPtr value) : state_(std::move(value)) {}       // NOLINT
  Value(SequencePtr value) : state_(std::move(value)) {}     // NOLINT
  Value(DictPtr value) : state_(std::move(value)) {}         // NOLINT
  Value(ObjectPtr value) : state_(std::move(value)) {}       // NOLINT
  Value(const void*) = delete;                               // a pointer must not become a bool
  static Value undefined(std::string hint);
  static Value constant(std::string text);  // a string that counts for no rendering's budget

  bool is_undefined() const { return holds<Undefined>(); }
  bool is_none() const { return holds<None>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_int() const { return holds<Int>(); }
  bool is_float() const { return holds<double>(); }
  bool is_string() const { return holds<StringPtr>(); }
  bool is_sequence() const { return holds<SequencePtr>(); }
  bool is_dict() const { return holds<DictPtr>(); }
  bool is_object() const { return holds<ObjectPtr>(); }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  bool is_sequence(SequenceKind kind) const { return is_sequence() && as_sequence().kind == kind; }

  bool as_bool() const { return std::get<bool>(state_); }
  Int as_int() const { return is_bool() ? Int{as_bool()} : std::get<Int>(state_); }  // of a bool too
  double as_double() const { return is_float() ? std::get<double>(state_) : static_cast<double>(as_int()); }
  const String& as_string() const { return *std::get<StringPtr>(state_); }
  const std::string& text() const { return as_string().text; }
  const Sequence& as_sequence() const { return *std::get<SequencePtr>(state_); }
  const Dict& as_dict() const { return *std::get<DictPtr>(state_); }
  const ObjectPtr& as_object() const { return std::get<ObjectPtr>(state_); }
  const State& state() const { return state_; }

  // An int, or a bool, which is an int in Python.
  bool is_integral() const { return is_int() || is_bool(); }

  std::string type_name() const;           // as Python calls it
  std::string undefined_message() const;   // of an undefined value
  int32_t depth() const;                   // of nested sequences, dicts and objects
  bool is_same(const Value& other) const;  // Python's `is`

 private:
  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(state_);
  }
  State state_;
};

// Entries in the order of insertion, each key once. Look-up is a binary search.
struct Dict : Tracked {
  static constexpr size_t kFew = 8;  // up to this size a linear search is as fast

  int32_t depth = 1;
  std::vector<std::pair<Value, Value>> entries;
  std::vector<uint32_t> order;  // indices of entries, sorted by key_order; empty up to kFew entries

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
};

// A total order over keys: equal exactly where Python's keys are equal (1 == 1.0 == True).
int key_order(const Value& a, const Value& b);
bool is_hashable(const Value& value);

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

}  // namespace braid::jinja
