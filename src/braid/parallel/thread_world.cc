#include "braid/parallel/thread_world.h"

#include <vector>

#include "braid/parallel/set_transport.h"

namespace braid {

struct ThreadWorld::Ranks {
  Ranks(const ParallelLayout& layout, const WorldOptions& options)
      : state(layout, options.timeout_s, options.ranks_share_cpus), world_mail(state), group_mail(state) {}

  WorldState state;
  MailboxGrid world_mail;
  MailboxGrid group_mail;
  std::vector<std::unique_ptr<Transport>> worlds;
  std::vector<std::unique_ptr<Transport>> groups;
};

ThreadWorld::ThreadWorld(const ParallelLayout& layout, const WorldOptions& options)
    : ranks_(std::make_unique<Ranks>(layout, options)) {}

ThreadWorld::~ThreadWorld() = default;

void ThreadWorld::add_ranks(const ParallelLayout& layout,
                            FunctionRef<std::unique_ptr<Transport>(const SetPlace& place, MailboxGrid& mail)> make) {
  const int32_t group_size = layout.attn_tp_size();
  for (int32_t rank = 0; rank < layout.tp_size; ++rank) {
    const SetPlace in_world{.size = layout.tp_size, .rank = rank};
    const SetPlace in_group{
        .first = rank / group_size * group_size, .size = group_size, .rank = rank % group_size, .is_group = true};
    ranks_->worlds.push_back(make(in_world, ranks_->world_mail));
    ranks_->groups.push_back(make(in_group, ranks_->group_mail));
  }
}

WorldState& ThreadWorld::state() const {
  return ranks_->state;
}

WorldCommunicator ThreadWorld::world(int32_t tp_rank) const {
  return WorldCommunicator(*ranks_->worlds[static_cast<size_t>(tp_rank)]);
}

GroupCommunicator ThreadWorld::group(int32_t tp_rank) const {
  return GroupCommunicator(*ranks_->groups[static_cast<size_t>(tp_rank)]);
}

void ThreadWorld::watch(std::function<Progress()> progress) const {
  state().watch(std::move(progress));
}

void ThreadWorld::abort(std::string_view reason) const {
  state().end(std::string(reason));
}

bool ThreadWorld::has_failed() const {
  return state().has_failed();
}

std::string ThreadWorld::failure() const {
  return state().failure().message;
}

std::string ThreadWorld::report() const {
  return state().report();
}

}  // namespace braid
