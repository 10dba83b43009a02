#include "braid/parallel/thread_world.h"

#include <utility>
#include <vector>

#include "braid/parallel/set_transport.h"

namespace braid {

struct ThreadWorld::Ranks {
  Ranks(const ParallelLayout& layout, IndexRange own_ranks, const WorldOptions& options)
      : state(layout, options.timeout_s, options.ranks_share_cpus), own(own_ranks) {}

  WorldState state;
  const IndexRange own;
  std::vector<std::unique_ptr<Transport>> worlds;
  std::vector<std::unique_ptr<Transport>> groups;
};

ThreadWorld::ThreadWorld(const ParallelLayout& layout, IndexRange own_ranks, const WorldOptions& options)
    : ranks_(std::make_unique<Ranks>(layout, own_ranks, options)) {}

ThreadWorld::~ThreadWorld() = default;

void ThreadWorld::add_ranks(const ParallelLayout& layout,
                            FunctionRef<std::unique_ptr<Transport>(const SetPlace& place)> make) {
  const int32_t group_size = layout.attn_tp_size();
  for (auto rank = static_cast<int32_t>(ranks_->own.begin); rank < ranks_->own.end; ++rank) {
    const SetPlace in_world{.size = layout.tp_size, .rank = rank};
    const SetPlace in_group{
        .first = rank / group_size * group_size, .size = group_size, .rank = rank % group_size, .is_group = true};
    ranks_->worlds.push_back(make(in_world));
    ranks_->groups.push_back(make(in_group));
  }
}

WorldState& ThreadWorld::state() const {
  return ranks_->state;
}

IndexRange ThreadWorld::own_ranks() const {
  return ranks_->own;
}

WorldCommunicator ThreadWorld::world(int32_t tp_rank) const {
  return WorldCommunicator(*ranks_->worlds[static_cast<size_t>(tp_rank - ranks_->own.begin)]);
}

GroupCommunicator ThreadWorld::group(int32_t tp_rank) const {
  return GroupCommunicator(*ranks_->groups[static_cast<size_t>(tp_rank - ranks_->own.begin)]);
}

void ThreadWorld::watch(std::function<Progress()> progress) const {
  state().watch(std::move(progress));
}

void ThreadWorld::trace_operations(StepTrace& trace, int32_t first_rank) const {
  state().recorder().trace_to(trace, first_rank);
}

void ThreadWorld::on_end(std::function<void()> wake) const {
  state().on_failure(std::move(wake));
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
