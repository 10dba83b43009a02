// How long each rank of a profile waited in an operation among ranks until the last of them had come. Tested by
// profile_test.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <map>

#include "braid/wire/profile.h"

namespace braid {

class OperationWaits {
 public:
  explicit OperationWaits(const Profile& profile);

  // Seconds; 0 for the last one, and for an operation of two ranks. At most as long as the span: clocks of hosts are
  // known only so well.
  double of(const ProfiledProcess& process, const ProfiledRank& rank, const TraceSpan& span) const;

 private:
  // What the ranks of one operation have in common.
  struct Key {
    int32_t world = 0;
    int32_t num_restarts = 0;
    int32_t group = -1;  // -1: among the world
    uint64_t step = 0;
    int32_t number = 0;
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const ProfiledProcess& process, const ProfiledRank& rank, const TraceSpan& span);

  std::map<Key, double> last_begins_s_;
};

}  // namespace braid
