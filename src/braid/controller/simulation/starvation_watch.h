// For tests: notices when a group is idle although a request waits that it could take.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "braid/base/check.h"
#include "braid/request/ids.h"

namespace braid {

// The caller chooses the keys that name requests.
class StarvationWatch {
 public:
  StarvationWatch(int32_t num_groups, int64_t bound_us)
      : bound_us_(bound_us), groups_(static_cast<size_t>(num_groups)) {}

  // The request waits for `only_group`, or for any group.
  void add(uint64_t request, std::optional<int32_t> only_group) { waiting_[request] = only_group; }
  // The request has left the queue and is on its way to a group.
  void bind(uint64_t request, int32_t group) {
    if (waiting_.contains(request)) waiting_[request] = group;
  }
  // A group has taken the request, or it has ended.
  void remove(uint64_t request) { waiting_.erase(request); }
  void set_idle(int32_t group, bool is_idle) { groups_.at(static_cast<size_t>(group)).is_idle = is_idle; }
  void give_up() { is_off_ = true; }

  void update(int64_t now_us) {
    for (size_t i = 0; i < groups_.size(); ++i) {
      Group& group = groups_[i];
      bool starves = false;
      if (group.is_idle) {
        for (const auto& [request, only_group] : waiting_) {
          starves = starves || only_group.value_or(static_cast<int32_t>(i)) == static_cast<int32_t>(i);
        }
      }
      if (!starves) group.since_us.reset();
      if (starves && !group.since_us) group.since_us = now_us;
    }
  }
  // A group that will have starved for too long at time_us if nothing changes until then.
  std::optional<int32_t> overdue(int64_t time_us) const {
    if (is_off_) return std::nullopt;
    for (size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i].since_us && time_us - *groups_[i].since_us > bound_us_) return static_cast<int32_t>(i);
    }
    return std::nullopt;
  }
  int64_t bound_us() const { return bound_us_; }

 private:
  struct Group {
    bool is_idle = true;
    std::optional<int64_t> since_us;
  };

  const int64_t bound_us_;
  bool is_off_ = false;
  std::map<uint64_t, std::optional<int32_t>> waiting_;
  std::vector<Group> groups_;
};

}  // namespace braid
