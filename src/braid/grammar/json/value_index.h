// Compares values as JSON schema does: 1 equals 1.0, and members have no order. Tested by schema_limits_test.cc.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/grammar/work_budget.h"

namespace braid::grammar {

// Comparisons are charged to `looks`, here and below.
Result<bool> equal_values(const Json& a, const Json& b, WorkBudget& looks);

// Finds an equal value without comparing all.
class ValueIndex {
 public:
  void add(const Json& value);  // `value` must not move
  Result<bool> contains(const Json& value, WorkBudget& looks) const;

 private:
  std::unordered_multimap<size_t, const Json*> by_hash_;
};

}  // namespace braid::grammar
