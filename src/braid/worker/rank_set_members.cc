// What others see of a process's ranks: the world's driver, which runs them, and pages of status, which count.
//
// Tested by rank_set_test.cc.
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "braid/worker/rank_set.h"

namespace braid {
namespace {

WorldStep world_step(std::span<const StepHeader> headers, const RankPlace& place) {
  WorldStep step{.number = static_cast<int64_t>(headers.front().round),
                 .group_tokens = std::vector<int32_t>(static_cast<size_t>(place.dp_size))};
  for (size_t rank = 0; rank < headers.size(); ++rank) {  // subscribers' headers count no tokens
    step.group_tokens[rank / static_cast<size_t>(place.attn_tp_size)] += static_cast<int32_t>(headers[rank].num_tokens);
    step.num_logit_rows = std::max(step.num_logit_rows, headers[rank].num_logit_rows);
  }
  step.in_halves = HalvesChoice::has_size(headers.front().halved_sizes, std::ranges::max(step.group_tokens));
  return step;
}

}  // namespace

std::vector<WorldMember> RankSet::members(int32_t world, TokenMasks* masks) {
  std::vector<WorldMember> members;
  const IndexRange of_world = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(of_world.begin); tp_rank < of_world.end; ++tp_rank) {
    Rank& own = rank(world, tp_rank);
    members.push_back({.tp_rank = tp_rank,
                       .group = own.place().attn_dp_rank,
                       .is_publisher = own.is_publisher(),
                       .execute =
                           [&own, masks](const StepPlan& plan, std::span<const StepHeader> headers) {
                             return own.execute(plan, world_step(headers, own.place()), masks);
                           },
                       .headers = headers_[index_of(world, tp_rank)].get(),
                       .plans = couriers_[index_of(world, tp_rank)].get(),
                       .trace = trace_.get(),
                       .trace_rank = static_cast<int32_t>(index_of(world, tp_rank)),
                       .counters = counters_[index_of(world, tp_rank)].get(),
                       .begin = [&own] { CHECK(bind_this_thread(own.cpus()).ok()); },
                       .use_idle_time = [&own] { return own.use_idle_time(); },
                       .halved_sizes = [&own] { return own.halved_sizes(); }});
  }
  return members;
}

Progress RankSet::progress(int32_t world) const {
  Progress progress;
  const IndexRange own = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(own.begin); tp_rank < own.end; ++tp_rank) {
    progress += ranks_[index_of(world, tp_rank)]->team().progress();
  }
  return progress;
}

std::vector<RankStatus> RankSet::status(int32_t world) const {
  std::vector<RankStatus> ranks;
  const IndexRange own = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(own.begin); tp_rank < own.end; ++tp_rank) {
    const size_t index = index_of(world, tp_rank);
    const RankPlace place = place_of(layout(), tp_rank);
    ranks.push_back({.rank = world * layout().tp_size + tp_rank,
                     .world = world,
                     .group = world * layout().groups_per_world() + place.attn_dp_rank,
                     .pid = getpid(),
                     .kernels = std::string(isa_name(isa_)),
                     .cpus = own_.places[index].cpus,
                     .numa_domain = own_.places[index].domain,
                     .memory_bytes = weight_bytes_ / own_.num_own() + kv_bytes_,
                     .counts = counters_[index]->read(),
                     .weights = weight_check_->last(static_cast<int32_t>(index))});
  }
  return ranks;
}

std::vector<RankCounts> RankSet::counts(int32_t world) const {
  std::vector<RankCounts> counts;
  const IndexRange own = own_tp_ranks(world);
  for (auto tp_rank = static_cast<int32_t>(own.begin); tp_rank < own.end; ++tp_rank) {
    counts.push_back(counters_[index_of(world, tp_rank)]->read());
  }
  return counts;
}

}  // namespace braid
