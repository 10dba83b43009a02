#include "braid/api/local_ranks.h"

#include <unistd.h>

#include <utility>

#include "braid/base/system_info.h"
#include "braid/worker/group_publisher.h"

namespace braid {

LocalRanks::LocalRanks(std::unique_ptr<RankSet> ranks, const EngineOptions& options)
    : options_{.prefill_alignment = options.prefill_alignment,
               .stop_timeout_s = options.rank.collective_timeout_s,
               .before_step = options.before_step},
      worker_(std::move(ranks)),
      links_(make_in_process_links(layout().num_groups(), kGroupLinks)) {}

ControlledGroups LocalRanks::groups() const {
  const SchedulerConfig& group = worker_.ranks().scheduler_config();
  const int32_t num_groups = layout().num_groups();
  return {.loads = std::vector<GroupLoad>(static_cast<size_t>(num_groups), GroupPublisher(group).load()),
          .groups_per_world = layout().groups_per_world(),
          .context_len = group.context_len,
          .num_kv_tokens = int64_t{group.num_pages} * group.page_size * num_groups};
}

void LocalRanks::start(ControllerThread& controller) {
  worker_.start(std::move(links_.publishers), controller, controller.masks(), options_);
}

Profile LocalRanks::stop_profile() {
  RankSet& ranks = worker_.ranks();
  std::vector<std::vector<TraceSpan>> spans = ranks.trace().stop();
  ProfiledProcess own{.host = host_name(), .pid = getpid()};
  for (int32_t world = 0; world < layout().num_worlds(); ++world) {
    for (const RankStatus& rank : ranks.status(world)) {
      own.ranks.push_back({.rank = rank.rank,
                           .world = rank.world,
                           .group = rank.group,
                           .spans = std::move(spans[static_cast<size_t>(rank.rank)])});
    }
  }
  return {.processes = {std::move(own)}};
}

WeightReport LocalRanks::check_weights() {
  const auto checked = worker_.ranks().weight_check().run();
  ClusterStatus cluster = worker_.cluster();
  return {.nodes = std::move(cluster.nodes),
          .ranks = std::move(cluster.ranks),
          .num_pages = checked->num_pages,
          .num_bad_pages = checked->num_bad_pages,
          .unchecked = {}};
}

}  // namespace braid
