// What the groups of this process tell the controller directly. Groups of other processes send the same as messages.
#pragma once

#include <cstdint>
#include <string>

#include "braid/wire/group_outputs.h"

namespace braid {

class GroupListener {
 public:
  virtual ~GroupListener() = default;

  // Called on a rank's thread after a step, or after commands that no step follows. Waits while the listener is several
  // steps behind, so that unread outputs do not pile up.
  virtual void on_outputs(int32_t group, GroupOutputs outputs) = 0;

  // Called on a rank's thread when its world has ended. `group`: the first one of the world. `reason`: one line, then
  // what each rank did and waited for, where that is known.
  virtual void on_failure(int32_t group, const std::string& reason) = 0;
};

}  // namespace braid
