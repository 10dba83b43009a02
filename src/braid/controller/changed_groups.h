// The groups that have changed since they were last taken. So a turn of the controller looks at those groups alone,
// however many there are. Tested by changed_groups_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace braid {

class ChangedGroups {
 public:
  // At first all have changed.
  explicit ChangedGroups(size_t num_groups) : is_changed_(num_groups, false) {
    for (size_t group = 0; group < num_groups; ++group) mark(static_cast<int32_t>(group));
  }

  void mark(int32_t group) {
    if (is_changed_.at(static_cast<size_t>(group))) return;
    is_changed_[static_cast<size_t>(group)] = true;
    changed_.push_back(group);
  }
  // Each once, ascending.
  std::vector<int32_t> take() {
    for (const int32_t group : changed_) is_changed_[static_cast<size_t>(group)] = false;
    std::ranges::sort(changed_);
    return std::exchange(changed_, {});
  }

 private:
  std::vector<bool> is_changed_;
  std::vector<int32_t> changed_;
};

}  // namespace braid
