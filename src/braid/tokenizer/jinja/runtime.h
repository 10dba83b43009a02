// The resources of one rendering. It makes every string, list and dict, and counts steps and memory, so no template can
// run for ever or exhaust the machine.
#pragma once

#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/jinja/template_limits.h"
#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, const std::tm* now) : limits_(limits), now_(now) {}
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Charges for work that grows with a value's size: one step for a node, an element, or 64 bytes.
  Status charge(int64_t steps);
  Status charge_bytes(size_t bytes) { return charge(static_cast<int64_t>(bytes / 64)); }
  // Call before building a text of a computed size.
  Status check_size(Int bytes) const;

  Result<Value> string(std::string text, bool is_markup = false);
  Result<Value> sequence(std::vector<Value> items, SequenceKind kind = SequenceKind::kList);
  Result<Value> range(Int start, Int stop, Int step);
  // The result of a lazy filter. Its items are computed at once, but an error among them is reported only when it is
  // reached.
  Result<Value> generator(std::vector<Value> items, const Status& status);
  // Of equal keys, the last determines the value and the first the place. Keys must be hashable.
  Result<Value> dict(std::vector<std::pair<Value, Value>> entries);

  // Counts memory that belongs to no value, until the end of the rendering.
  Status hold(int64_t bytes);
  // `release` runs at the end of the rendering, to break a possible cycle.
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

// Turns JSON into a value. Too deep nesting is an error.
Result<Value> from_json(Runtime& runtime, const nlohmann::ordered_json& json);

}  // namespace braid::jinja
