#include "braid/parallel/message_world.h"

#include "braid/parallel/copying_transport.h"
#include "braid/parallel/mailbox.h"

namespace braid {

struct MessageWorld::Queues {
  explicit Queues(WorldState& state) : in_world(state), in_groups(state), world_mail(state), group_mail(state) {}

  MailboxGrid in_world;
  MailboxGrid in_groups;
  MailboxGrid world_mail;
  MailboxGrid group_mail;
};

MessageWorld::MessageWorld(const ParallelLayout& layout, const WorldOptions& options)
    : ThreadWorld(layout, {.begin = 0, .end = layout.tp_size}, options), queues_(std::make_unique<Queues>(state())) {
  add_ranks(layout, [&](const SetPlace& place) {
    return place.is_group ? std::make_unique<CopyingTransport>(state(), queues_->group_mail, queues_->in_groups, place)
                          : std::make_unique<CopyingTransport>(state(), queues_->world_mail, queues_->in_world, place);
  });
}

MessageWorld::~MessageWorld() = default;

}  // namespace braid
