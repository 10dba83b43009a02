// Values as JSON schema compares them: 1 is 1.0, and members have no order.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/grammar/work_budget.h"

namespace braid::grammar {

// `looks` pays for what is compared, here and below.
Result<bool> equal_values(const Json& a, const Json& b, WorkBudget& looks);

// Finds an equal value without a look at all of them.
class ValueIndex {
 public:
  void add(const Json& value);  // which must stay where it is
  Result<bool> contains(const Json& value, WorkBudget& looks) const;

 private:
  std::unordered_multimap<size_t, const Json*> by_hash_;
};

}  // namespace braid::grammar
