// For tests: sends commands to the groups of one world as the controller does, as maps over links within the process.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/worker/world.h"

namespace braid::testing {

class WorldFeed {
 public:
  WorldFeed(int32_t num_groups, const SchedulerConfig& config, DispatchMode mode)
      : num_groups_(num_groups),
        config_(config),
        links_(make_in_process_links(num_groups)),
        dispatcher_(*links_.controller, mode, num_groups) {}

  // For the world's constructor. Call once.
  std::vector<WorldGroup> groups() {
    constexpr int64_t kVocabSize = 256;
    std::vector<WorldGroup> groups;
    for (int32_t group = 0; group < num_groups_; ++group) {
      groups.push_back({.group = group,
                        .scheduler = config_,
                        .inbox = GroupInbox(std::move(links_.publishers[static_cast<size_t>(group)]), group,
                                            assignment_limits(config_, num_groups_, kVocabSize))});
    }
    return groups;
  }

  // From any thread.
  void send(World& world, int32_t group, GroupCommand command) {
    const std::lock_guard lock(mutex_);
    command.group = group;
    std::vector<GroupCommand> commands;
    commands.push_back(std::move(command));
    const Status sent = dispatcher_.send(std::move(commands));
    CHECK(sent.ok(), "{}", sent.error().message);
    world.wake();
  }
  // Sends bytes that no controller sends.
  void send_bytes(World& world, int32_t group, SharedBytes bytes) {
    CHECK(links_.controller->send_to(group, std::move(bytes)).ok());
    world.wake();
  }

 private:
  const int32_t num_groups_;
  const SchedulerConfig config_;
  InProcessLinks links_;
  std::mutex mutex_;
  Dispatcher dispatcher_;
};

}  // namespace braid::testing
