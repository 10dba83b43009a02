// The state of a loop. The loop's `if` is evaluated item by item, as late as possible, because it may read what the
// loop's body has set.
#include "braid/tokenizer/jinja/loop_object.h"

#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"

namespace braid::jinja {

LoopObject::LoopObject(const Stmt& stmt, std::vector<Value> source, ScopePtr outer, int32_t loop_depth)
    : stmt_(stmt), source_(std::move(source)), outer_(std::move(outer)), loop_depth_(loop_depth) {}

Result<bool> LoopObject::fetch(Evaluator& evaluator, size_t n) {
  while (items_.size() <= n && next_source_ < source_.size()) {
    Value item = source_[next_source_++];
    if (stmt_.filter != nullptr) {
      const ScopePtr scope = make_scope(outer_);
      TRY_STATUS(evaluator.assign(stmt_.target, item, *scope));
      TRY(const Value passes, evaluator.eval(*stmt_.filter, scope));
      if (!is_true(passes)) continue;
    }
    items_.push_back(std::move(item));
  }
  return items_.size() > n;
}

Result<size_t> LoopObject::fetch_all(Evaluator& evaluator) {
  TRY_STATUS([&]() -> Status {
    TRY([[maybe_unused]] const bool found, fetch(evaluator, source_.size()));
    return {};
  }());
  return items_.size();
}

Result<bool> LoopObject::advance(Evaluator& evaluator) {
  const size_t next = has_begun_ ? index_ + 1 : 0;
  TRY(const bool has_next, fetch(evaluator, next));
  if (!has_next) return false;
  index_ = next;
  has_begun_ = true;
  return true;
}

void LoopObject::finish() {
  source_.clear();
  items_.clear();
  last_changed_.clear();
  outer_.reset();
}

Result<Value> LoopObject::call(Evaluator& evaluator, const Arguments& arguments) {
  if (!stmt_.is_recursive) return fail("the loop must have the 'recursive' marker to be called");
  if (outer_ == nullptr) return fail("a loop that has ended cannot be called");
  TRY(const auto bound, bind("loop", arguments, {"iterable"}, 1));
  TRY(std::string text, evaluator.run_loop(stmt_, *bound[0], outer_, loop_depth_ + 1));
  return evaluator.runtime().string(std::move(text));
}

Result<bool> LoopObject::changed(Evaluator& evaluator, const std::vector<Value>& values) {
  bool is_same = has_changed_ && values.size() == last_changed_.size();
  for (size_t i = 0; is_same && i < values.size(); ++i) {
    TRY(is_same, equal(evaluator.runtime(), values[i], last_changed_[i]));
  }
  has_changed_ = true;
  if (is_same) return false;
  last_changed_ = values;
  return true;
}

Result<Value> LoopObject::cycle(const std::vector<Value>& values) const {
  if (values.empty()) return fail("no items for cycling given");
  return values[index_ % values.size()];
}

namespace {

LoopObject& as_loop(const Value& self) {
  return static_cast<LoopObject&>(*self.as_object());
}

Result<Value> loop_changed(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const bool changed, as_loop(self).changed(evaluator, arguments.positional));
  return Value(changed);
}

Result<Value> loop_cycle(Evaluator&, const Value& self, const Arguments& arguments) {
  return as_loop(self).cycle(arguments.positional);
}

}  // namespace

Result<std::optional<Value>> LoopObject::attribute(Evaluator& evaluator, std::string_view name) {
  using Found = std::optional<Value>;
  const auto at = static_cast<int64_t>(index_);
  if (name == "index") return Found(at + 1);
  if (name == "index0") return Found(at);
  if (name == "first") return Found(index_ == 0);
  if (name == "depth") return Found(loop_depth_ + 1);
  if (name == "depth0") return Found(loop_depth_);
  if (name == "last" || name == "nextitem") {
    TRY(const bool has_next, fetch(evaluator, index_ + 1));
    if (name == "last") return Found(!has_next);
    return Found(has_next ? items_[index_ + 1] : Value::undefined("there is no next item"));
  }
  if (name == "previtem") {
    const bool has_previous = index_ > 0 && index_ <= items_.size();
    return Found(has_previous ? items_[index_ - 1] : Value::undefined("there is no previous item"));
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    TRY(const size_t size, fetch_all(evaluator));
    const auto length = static_cast<int64_t>(size);
    return Found(name == "length" ? length : length - at - (name == "revindex0" ? 1 : 0));
  }
  const Builtin method = name == "changed" ? loop_changed : (name == "cycle" ? loop_cycle : nullptr);
  if (method == nullptr) return Found();
  const std::string_view method_name = name == "changed" ? "changed" : "cycle";
  return Found(ObjectPtr(std::make_shared<BuiltinObject>(method_name, method, Value(shared_from_this()), false)));
}

}  // namespace braid::jinja
