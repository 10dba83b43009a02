// The task of a rank's process, and the rank itself over ZeroMQ. Tested by dispatch_test.cc.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "braid/bench/dispatch/rank_loops.h"
#include "braid/bench/dispatch/ranks.h"

namespace braid::dispatch {

std::string task_text(const RankTask& task) {
  nlohmann::json json{{"num_groups", task.layout.num_groups},
                      {"ranks_per_group", task.layout.ranks_per_group},
                      {"group", task.group},
                      {"rank", task.rank},
                      {"controller", {task.controller.maps, task.controller.outputs}},
                      {"group_link", {task.group_link.maps, task.group_link.outputs}}};
  if (task.curve) {
    json["curve"] = {task.curve->own.public_key, task.curve->own.secret_key, task.curve->server_key};
  }
  return json.dump();
}

Result<RankTask> parse_task(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    const auto endpoints = [&](const char* name) {
      return ZmqEndpoints{.maps = json.at(name).at(0).get<std::string>(),
                          .outputs = json.at(name).at(1).get<std::string>()};
    };
    RankTask task{.layout = {.num_groups = json.at("num_groups"), .ranks_per_group = json.at("ranks_per_group")},
                  .group = json.at("group"),
                  .rank = json.at("rank"),
                  .controller = endpoints("controller"),
                  .group_link = endpoints("group_link"),
                  .curve = {}};
    if (json.contains("curve")) {
      const auto& keys = json.at("curve");
      task.curve = CurveClient{.own = {.public_key = keys.at(0), .secret_key = keys.at(1)}, .server_key = keys.at(2)};
    }
    const bool ok = task.layout.num_groups >= 1 && task.layout.ranks_per_group >= 1 && task.group >= 0 &&
                    task.group < task.layout.num_groups && task.rank >= 0 && task.rank < task.layout.ranks_per_group;
    if (!ok) return fail("rank {} of group {} is none of its layout", task.rank, task.group);
    return task;
  } catch (const nlohmann::json::exception& error) {
    return fail("not a rank's task: {}", error.what());
  }
}

Status run_rank(const RankTask& task) {
  const int32_t num_subscribers = task.layout.ranks_per_group - 1;
  if (task.rank > 0) {
    TRY(const auto up,
        connect_to_controller(
            {.endpoints = task.group_link, .group = task.rank - 1, .limits = link_limits(), .curve = {}}));
    return run_subscriber(*up);
  }
  ZmqController down;
  if (num_subscribers > 0) {
    TRY(down, listen_as_controller(
                  {.endpoints = task.group_link, .num_groups = num_subscribers, .limits = link_limits(), .curve = {}}));
    TRY_STATUS(wait_for_all(*down.link, num_subscribers, [] { return Status(); }));
  }
  // Join the controller last: a publisher that it can reach has its whole group.
  TRY(const auto up,
      connect_to_controller(
          {.endpoints = task.controller, .group = task.group, .limits = link_limits(), .curve = task.curve}));
  return run_publisher(*up, down.link.get(), task.group, task.layout.num_groups, num_subscribers);
}

}  // namespace braid::dispatch
