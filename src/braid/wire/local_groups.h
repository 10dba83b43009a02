// What the controller asks of the groups of its own process directly, beside the assignment maps that it sends them
// over links (transport/link.h).
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/patience.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_probe.h"
#include "braid/wire/move.h"

namespace braid {

class LocalGroups {
 public:
  virtual ~LocalGroups() = default;

  // What the group's prefix cache has of a prompt. From any thread.
  virtual PrefixProbe probe(int32_t group, std::span<const TokenId> prompt) const = 0;
  // Whether an earlier probe of the group still holds. From any thread.
  virtual PrefixVersion prefix_version(int32_t group) const = 0;

  // What the compute threads of the group's world have done so far. From any thread.
  virtual Progress progress(int32_t group) const = 0;

  // The group is lost, and others go on: nobody takes the pages that are on their way to it, or of `begun`, the moves
  // that it had begun. From any thread.
  virtual void lose(int32_t group, std::span<const MoveId> begun) = 0;

  // Call after a map was put into the group's link: wakes the ranks of its world. From any thread.
  virtual void wake(int32_t group) = 0;
};

}  // namespace braid
