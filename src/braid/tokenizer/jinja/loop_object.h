// `loop` inside a for: where the loop stands.
#pragma once

#include <vector>

#include "braid/tokenizer/jinja/evaluator.h"

namespace braid::jinja {

class LoopObject : public Object {
 public:
  LoopObject(const Stmt& stmt, std::vector<Value> source, ScopePtr outer, int32_t loop_depth);

  // Goes to the next item that the loop's `if` lets through. false: there is none.
  Result<bool> advance(Evaluator& evaluator);
  const Value& current() const { return items_[index_]; }
  // After the loop it holds nothing any more: whoever kept it must not keep all it has seen.
  void finish();

  std::string type_name() const override { return "LoopContext"; }
  std::string repr() const override { return "<LoopContext>"; }
  bool is_callable() const override { return stmt_.is_recursive; }
  Result<Value> call(Evaluator& evaluator, const Arguments& arguments) override;
  Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name) override;
  Result<bool> changed(Evaluator& evaluator, const std::vector<Value>& values);
  Result<Value> cycle(const std::vector<Value>& values) const;

 private:
  // Makes items_[n] exist, if the source has as many.
  Result<bool> fetch(Evaluator& evaluator, size_t n);
  Result<size_t> fetch_all(Evaluator& evaluator);

  const Stmt& stmt_;
  std::vector<Value> source_;
  size_t next_source_ = 0;
  std::vector<Value> items_;  // those of the source that passed
  size_t index_ = 0;
  bool has_begun_ = false;
  ScopePtr outer_;
  int32_t loop_depth_;
  std::vector<Value> last_changed_;
  bool has_changed_ = false;
};

}  // namespace braid::jinja
