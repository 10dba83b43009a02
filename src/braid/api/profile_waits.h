// Which rank the others of its world wait for, by what each has computed between exchanges. Pure. It compares lengths
// of time on one rank with those on another, so that it does not depend on how well clocks agree. Tested by
// profile_waits_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/wire/profile.h"

namespace braid {

// Work between two exchanges: whoever has most of it is waited for.
enum class WorkKind : uint8_t {
  kDecide,     // plan, sample, commit
  kAttention,  // over the group's own tokens
  kFfn,        // feed-forward layers, which the ranks share out evenly
  kHead,
};
inline constexpr int kNumWorkKinds = static_cast<int>(WorkKind::kHead) + 1;

struct ProfileWaits {
  // The rank that is waited for most.
  int32_t rank = 0;
  int32_t group = 0;
  int32_t node = 0;
  std::string host;
  WorkKind work = WorkKind::kAttention;  // for which most
  double lost_s = 0;                     // that the others wait for it, on average
  double share_of_late = 0;              // of all that ranks are waited for
  double times_slower = 1;               // at feed-forward layers, than the mean of the others

  // Of all worlds' steps that every rank has recorded.
  int64_t num_steps = 0;
  double steps_s = 0;     // on average over the ranks
  double transfer_s = 0;  // in exchanges, without the time until the last rank has come
  int32_t num_nodes = 1;
  int32_t num_groups = 1;     // of the rank's world
  int32_t num_processes = 1;  // of the rank's world
};

// Nothing: no steps were recorded, or no rank has others.
std::optional<ProfileWaits> profile_waits(const Profile& profile);

// The flag that would help, as "--name" or "--name value".
std::string helpful_flag(const ProfileWaits& waits);
// One or two sentences: who is waited for, how long, and the flag with its reason.
std::string waits_text(const ProfileWaits& waits);

}  // namespace braid
