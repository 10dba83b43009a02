// The controller's end of the links to groups in other processes. Tested by tests/e2e/test_rank_processes.py.
#include <utility>

#include "braid/base/clock.h"
#include "braid/node/remote_worlds.h"
#include "braid/wire/process_message_codec.h"

namespace braid {

// The controller's maps. What the processes send comes to the listener directly. A world may have ended a moment before
// the controller hears of it from the listener. What it sends to that world until then is for nobody: the world's
// requests are dispatched again once it is known to be lost.
class RemoteWorlds::Link final : public ControllerLink {
 public:
  explicit Link(RemoteWorlds& worlds) : worlds_(worlds) {}

  Status send_to_all(SharedBytes map) override {
    const std::lock_guard lock(worlds_.mutex_);
    for (int32_t world = 0; world < std::ssize(worlds_.worlds_); ++world) {
      if (worlds_.worlds_[static_cast<size_t>(world)].state == State::kEnded) continue;
      worlds_.send_to_world(world, {.kind = LinkMessageKind::kMap, .group = {}, .body = map});
    }
    return {};
  }

  Status send_to(int32_t group, SharedBytes map) override {
    const std::lock_guard lock(worlds_.mutex_);
    const int32_t world = group / worlds_.options_.groups_per_world;
    if (world >= std::ssize(worlds_.worlds_) || group < 0) return fail("group {} is none", group);
    if (worlds_.worlds_[static_cast<size_t>(world)].state == State::kEnded) return {};
    DirectMap direct{.group = group, .map = {map.span().begin(), map.span().end()}};
    worlds_.send_to_world(
        world, {.kind = LinkMessageKind::kMessage, .group = group, .body = encode(ProcessMessage(std::move(direct)))});
    return {};
  }

  int32_t num_receivers() const override {
    const std::lock_guard lock(worlds_.mutex_);
    int32_t num_processes = 0;
    for (const World& world : worlds_.worlds_) num_processes += static_cast<int32_t>(world.places.size());
    return num_processes;
  }

  void leave_out(int32_t group) override {
    {
      const std::lock_guard lock(worlds_.mutex_);
      World& world = worlds_.worlds_[static_cast<size_t>(group / worlds_.options_.groups_per_world)];
      world.state = State::kEnded;
    }
    worlds_.wake_keeper_.wake();
  }

  std::unique_ptr<PublisherLink> let_back(int32_t group) override {
    const std::lock_guard lock(worlds_.mutex_);
    World& world = worlds_.worlds_[static_cast<size_t>(group / worlds_.options_.groups_per_world)];
    world.state = State::kStarting;
    world.since_s = monotonic_seconds();
    world.backlog.clear();
    return nullptr;
  }

  Result<std::optional<LinkEvent>> receive(double /*timeout_s*/) override { return std::optional<LinkEvent>(); }
  void wake() override {}

 private:
  RemoteWorlds& worlds_;
};

std::unique_ptr<ControllerLink> RemoteWorlds::make_link() {
  return std::make_unique<Link>(*this);
}

}  // namespace braid
