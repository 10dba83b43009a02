// Bounds the cost of compiling one source. Many parts, each within its own limits, could take minutes together. Tested
// by json/schema_limits_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "braid/base/result.h"

namespace braid::grammar {

class WorkBudget {
 public:
  WorkBudget(size_t units, std::string complaint) : left_(units), complaint_(std::move(complaint)) {}

  // An error once more units are spent than there were.
  Status spend(size_t units) {
    if (units > left_) {
      left_ = 0;
      return fail("{}", complaint_);
    }
    left_ -= units;
    return {};
  }
  bool is_spent() const { return left_ == 0; }

 private:
  size_t left_;
  std::string complaint_;
};

}  // namespace braid::grammar
