#include "braid/wire/transport/in_process_link.h"

#include <utility>

#include "braid/wire/transport/bounded_queue.h"

namespace braid {
namespace {

using MapQueue = BoundedQueue<SharedBytes>;
using EventQueue = BoundedQueue<LinkEvent>;

struct InProcessQueues {
  InProcessQueues(int32_t num_groups, const LinkLimits& its_limits)
      : limits(its_limits), events(static_cast<size_t>(its_limits.max_queued) * static_cast<size_t>(num_groups)) {
    for (int32_t group = 0; group < num_groups; ++group) {
      maps.push_back(new_queue());
    }
  }

  std::shared_ptr<MapQueue> new_queue() const {
    return std::make_shared<MapQueue>(static_cast<size_t>(limits.max_queued));
  }

  const LinkLimits limits;
  EventQueue events;
  std::vector<std::shared_ptr<MapQueue>> maps;  // to the last publisher of each group; the controller's own
};

class InProcessPublisher : public PublisherLink {
 public:
  InProcessPublisher(std::shared_ptr<InProcessQueues> queues, std::shared_ptr<MapQueue> maps, int32_t group)
      : queues_(std::move(queues)), maps_(std::move(maps)), group_(group) {}
  ~InProcessPublisher() override {
    maps_->close();
    queues_->events.push_last({.kind = LinkEvent::Kind::kLeft, .group = group_, .bytes = {}, .reason = {}});
  }

  Result<std::optional<SharedBytes>> receive(double timeout_s) override {
    auto map = maps_->pop(timeout_s);
    if (!map && maps_->is_closed()) return fail("the controller is gone");
    return map;
  }

  Status send(SharedBytes outputs) override {
    const LinkLimits& limits = queues_->limits;
    LinkEvent event{.kind = LinkEvent::Kind::kOutputs, .group = group_, .bytes = std::move(outputs), .reason = {}};
    switch (queues_->events.push(std::move(event), limits.send_timeout_s)) {
      case EventQueue::Push::kDone:
        return {};
      case EventQueue::Push::kClosed:
        return fail("the controller is gone");
      case EventQueue::Push::kFull:
        break;
    }
    return fail("the controller takes no outputs since {} s", limits.send_timeout_s);
  }

  void wake() override { maps_->wake(); }

 private:
  const std::shared_ptr<InProcessQueues> queues_;
  const std::shared_ptr<MapQueue> maps_;
  const int32_t group_;
};

class InProcessController : public ControllerLink {
 public:
  explicit InProcessController(std::shared_ptr<InProcessQueues> queues) : queues_(std::move(queues)) {
    for (int32_t group = 0; group < num_groups(); ++group) {
      queues_->events.push_last({.kind = LinkEvent::Kind::kJoined, .group = group, .bytes = {}, .reason = {}});
    }
  }
  ~InProcessController() override {
    queues_->events.close();
    for (const auto& maps : queues_->maps) maps->close();
  }

  Status send_to_all(SharedBytes map) override {
    bool has_any = false;
    for (int32_t group = 0; group < num_groups(); ++group) {
      if (queues_->maps[static_cast<size_t>(group)]->is_closed()) continue;
      const Status sent = send_to(group, map);
      has_any = has_any || sent.ok();
      if (sent.ok()) continue;
      leave_out(group);  // the others must get every map
      queues_->events.push_last(
          {.kind = LinkEvent::Kind::kLeft, .group = group, .bytes = {}, .reason = sent.error().message});
    }
    if (!has_any) return fail("no publisher is there");
    return {};
  }

  int32_t num_receivers() const override { return num_groups(); }
  void leave_out(int32_t group) override { queues_->maps[static_cast<size_t>(group)]->close(); }
  std::unique_ptr<PublisherLink> let_back(int32_t group) override {
    std::shared_ptr<MapQueue>& maps = queues_->maps[static_cast<size_t>(group)];
    maps->close();
    maps = queues_->new_queue();
    return std::make_unique<InProcessPublisher>(queues_, maps, group);
  }

  Status send_to(int32_t group, SharedBytes map) override {
    if (group < 0 || group >= num_groups()) return fail("group {} of {}", group, num_groups());
    const LinkLimits& limits = queues_->limits;
    switch (queues_->maps[static_cast<size_t>(group)]->push(std::move(map), limits.send_timeout_s)) {
      case MapQueue::Push::kDone:
        return {};
      case MapQueue::Push::kClosed:
        return fail("the publisher of group {} is gone", group);
      case MapQueue::Push::kFull:
        break;
    }
    return fail("the publisher of group {} takes nothing: {} maps wait since {} s", group, limits.max_queued,
                limits.send_timeout_s);
  }

  Result<std::optional<LinkEvent>> receive(double timeout_s) override { return queues_->events.pop(timeout_s); }
  void wake() override { queues_->events.wake(); }

 private:
  int32_t num_groups() const { return static_cast<int32_t>(queues_->maps.size()); }

  const std::shared_ptr<InProcessQueues> queues_;
};

}  // namespace

InProcessLinks make_in_process_links(int32_t num_groups, const LinkLimits& limits) {
  auto queues = std::make_shared<InProcessQueues>(num_groups, limits);
  InProcessLinks links;
  links.controller = std::make_unique<InProcessController>(queues);
  for (int32_t group = 0; group < num_groups; ++group) {
    links.publishers.push_back(
        std::make_unique<InProcessPublisher>(queues, queues->maps[static_cast<size_t>(group)], group));
  }
  return links;
}

}  // namespace braid
