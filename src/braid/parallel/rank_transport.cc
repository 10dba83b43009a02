#include "braid/parallel/rank_transport.h"

#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"

namespace braid {

std::unique_ptr<ThreadWorld> SharedMemoryTransport::make_world(const ParallelLayout& layout,
                                                               const WorldOptions& options) const {
  return std::make_unique<LocalWorld>(layout, options);
}

std::unique_ptr<ThreadWorld> MessageTransport::make_world(const ParallelLayout& layout,
                                                          const WorldOptions& options) const {
  return std::make_unique<MessageWorld>(layout, options);
}

}  // namespace braid
