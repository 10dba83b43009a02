// `loop` inside a for: the position of the loop.
#pragma once

#include <vector>

#include "braid/tokenizer/jinja/evaluator.h"

namespace braid::jinja {

class LoopObject : public Object {
 public:
  LoopObject(const Stmt& stmt, std::vector<Value> source, ScopePtr outer, int32_t loop_depth);

  // Moves to the next item that passes the loop's `if`. False if there is none.
  Result<bool> advance(Evaluator& evaluator);
  const Value& current() const { return items_[index_]; }
  // Releases all items after the loop: a template that kept `loop` must not keep them alive.
  void finish();

  std::string type_name() const override { return "LoopContext"; }
  std::string repr() const override { return "<LoopContext>"; }
  bool is_callable() const override { return stmt_.is_recursive; }
  Result<Value> call(Evaluator& evaluator, const Arguments& arguments) override;
  Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name) override;
  Result<bool> changed(Evaluator& evaluator, const std::vector<Value>& values);
  Result<Value> cycle(const std::vector<Value>& values) const;

 private:
  // Fetches up to items_[n]. False if the source ends before.
  Result<bool> fetch(Evaluator& evaluator, size_t n);
  Result<size_t> fetch_all(Evaluator& evaluator);

  const Stmt& stmt_;
  std::vector<Value> source_;
  size_t next_source_ = 0;
  std::vector<Value> items_;  // items of the source that passed the `if`
  size_t index_ = 0;
  bool has_begun_ = false;
  ScopePtr outer_;
  int32_t loop_depth_;
  std::vector<Value> last_changed_;
  bool has_changed_ = false;
};

}  // namespace braid::jinja
