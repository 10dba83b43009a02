// What the groups of this process tell the controller directly. Groups of other processes send the same as messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/wire/group_load.h"
#include "braid/wire/group_outputs.h"

namespace braid {

// What became of a world that was to start again (GroupHost::restart()).
struct WorldRestart {
  enum class Outcome : uint8_t {
    kRuns,    // its groups have no requests
    kFailed,  // it may be tried again
    kStuck,   // a rank of the lost world has not come back: it cannot start again in this process
  };
  int32_t group = 0;  // the first one of the world
  Outcome outcome = Outcome::kRuns;
  std::string error = {};
  // Of a world that runs, if it may have another place and other memory than before. Absent: as at first.
  struct Capacity {
    GroupLoad load;                 // of each group
    int64_t num_kv_tokens = 0;      // of one group
    int64_t max_moving_tokens = 0;  // as RankSet's
  };
  std::optional<Capacity> capacity = {};
  // Its groups have keys and values that they had before: a request goes on soonest where it was.
  bool keeps_pages = false;
};

class GroupListener {
 public:
  virtual ~GroupListener() = default;

  // Called on a rank's thread after a step, or after commands that no step follows. Waits while the listener is several
  // steps behind, so that unread outputs do not pile up.
  virtual void on_outputs(int32_t group, GroupOutputs outputs) = 0;

  // Called on a rank's thread when its world has ended. `group`: the first one of the world. `reason`: one line, then
  // what each rank did and waited for, where that is known. `num_restarts`: of the world, before it ended.
  virtual void on_failure(int32_t group, const std::string& reason, int32_t num_restarts) = 0;

  // As on_failure(), but the world was ended on purpose, to start again elsewhere: nothing has failed, and no request
  // is to blame.
  virtual void on_planned_end(int32_t group, const std::string& reason, int32_t num_restarts) {
    on_failure(group, reason, num_restarts);
  }

  // Called on a thread of the world's own. The next outputs and failures are those of the new world.
  virtual void on_restart(WorldRestart restart) = 0;
};

}  // namespace braid
