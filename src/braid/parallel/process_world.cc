#include "braid/parallel/process_world.h"

#include <utility>

#include "braid/parallel/copying_transport.h"
#include "braid/parallel/process_mail.h"

namespace braid {

ProcessWorld::ProcessWorld(const ParallelLayout& layout, const RankSpread& spread, std::shared_ptr<ProcessPort> port,
                           const WorldOptions& options, std::shared_ptr<const HostMemory> memory)
    : ThreadWorld(layout, spread.ranks_of(port->process()), options),
      mail_(std::make_unique<ProcessMail>(state(), spread, std::move(port), std::move(memory))) {
  add_ranks(layout, [&](const SetPlace& place) {
    MessageGrid& mail = mail_->grid(place.is_group ? HeadType::kGroupMail : HeadType::kWorldMail);
    MessageGrid& queues = mail_->grid(place.is_group ? HeadType::kInGroup : HeadType::kInWorld);
    return std::make_unique<CopyingTransport>(state(), mail, queues, place);
  });
}

ProcessWorld::~ProcessWorld() = default;

HandOver* ProcessWorld::hand_over() const {
  return mail_.get();
}

Status ProcessWorld::leave() {
  return mail_->leave();
}

}  // namespace braid
