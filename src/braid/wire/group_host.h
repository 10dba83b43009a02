// What the controller asks of whoever has the groups' ranks, beside the assignment maps that it sends over links
// (transport/link.h): this process (worker/worker.h), or others (node/remote_worlds.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/patience.h"
#include "braid/wire/cluster_status.h"
#include "braid/wire/move.h"
#include "braid/wire/transport/link.h"

namespace braid {

// What a world needs to start again.
struct WorldStart {
  std::vector<std::unique_ptr<PublisherLink>> links;  // of its groups with a publisher in this process
  std::vector<uint64_t> last_maps;                    // the numbers of the last maps that those groups were sent
  MoveId next_move = 1;                               // pages of earlier moves come no more
  int32_t num_restarts = 1;                           // with this one
};

class GroupHost {
 public:
  virtual ~GroupHost() = default;

  // What the compute threads of the group's world have done so far. From any thread.
  virtual Progress progress(int32_t group) const = 0;

  // The nodes and the ranks as they are now. From any thread.
  virtual ClusterStatus cluster() const = 0;

  // The group is lost: nobody takes the pages that are on their way to it, or of `begun`, the moves that it had begun.
  // `next_move`: the first one that may be ordered from now on. From any thread.
  virtual void lose(int32_t group, std::span<const MoveId> begun, MoveId next_move) = 0;

  // Starts the lost world of these groups again, on a thread of its own. Does not wait for it: its outcome comes to
  // GroupListener::on_restart(), and until then nothing else may be asked of the world.
  virtual void restart(int32_t first_group, WorldStart start) = 0;

  // Call after a map was put into the group's link: wakes the ranks of its world. From any thread.
  virtual void wake(int32_t group) = 0;
};

}  // namespace braid
