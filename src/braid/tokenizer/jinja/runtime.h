// What one rendering may use: it makes every string, list and dict, and counts steps and memory, so that no template
// can run for ever or take the machine.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/tokenizer/chat_template.h"
#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, const std::tm* now) : limits_(limits), now_(now) {}
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Work that grows with a value's size pays for it: one step a node, an element, or 64 bytes.
  Status charge(int64_t steps);
  Status charge_bytes(size_t bytes) { return charge(static_cast<int64_t>(bytes / 64)); }
  // Before something of a computed size is built.
  Status check_size(Int bytes) const;

  Result<Value> string(std::string text, bool is_markup = false);
  Result<Value> sequence(std::vector<Value> items, SequenceKind kind = SequenceKind::kList);
  Result<Value> range(Int start, Int stop, Int step);
  // What a lazy filter gives: its items are made at once, but an error on the way is only seen by who reads that far.
  Result<Value> generator(std::vector<Value> items, const Status& status);
  // The last of equal keys gives the value, the first the place. Keys must be hashable.
  Result<Value> dict(std::vector<std::pair<Value, Value>> entries);

  // Memory that is not a value's: held to the end of the rendering.
  Status hold(int64_t bytes);
  // Runs when the rendering is over: takes a possible cycle apart.
  void at_end(std::function<void()> release) { releases_.push_back(std::move(release)); }

  const TemplateLimits& limits() const { return limits_; }
  const std::tm* now() const { return now_; }

 private:
  Status check_live() const;

  TemplateLimits limits_;
  const std::tm* now_;
  int64_t steps_ = 0;
  Budget budget_;
  std::vector<std::function<void()>> releases_;
};

// From JSON to values; deeper than max_depth is an error.
Result<Value> from_json(Runtime& runtime, const nlohmann::ordered_json& json);

}  // namespace braid::jinja
