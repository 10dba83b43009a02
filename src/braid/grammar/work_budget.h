// What one source may cost while it is compiled: many parts, each within its own limits, would take minutes together.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "braid/base/result.h"

namespace braid::grammar {

class WorkBudget {
 public:
  WorkBudget(size_t units, std::string complaint) : left_(units), complaint_(std::move(complaint)) {}

  // An error from the moment on when more is spent than there was.
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
