// For tests: the links between the controller and the groups under virtual time: bytes that arrive late, in order on
// each link, in any order between links.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/control/simulation/findings.h"
#include "braid/control/simulation/virtual_time.h"
#include "braid/wire/group_outputs_codec.h"
#include "braid/wire/transport/dispatch.h"

namespace braid {

// One direction of one link.
class SimulatedWire {
 public:
  SimulatedWire(VirtualTime& time, int64_t max_delay_us) : time_(time), max_delay_us_(max_delay_us) {}

  void send(VirtualTime::Event arrive) {
    last_us_ = std::max(last_us_ + 1, time_.now_us() + time_.pick(0, max_delay_us_));
    time_.at(last_us_, std::move(arrive));
  }

 private:
  VirtualTime& time_;
  int64_t max_delay_us_;
  int64_t last_us_ = 0;
};

// The controller's end: real maps, as bytes, to the groups' real readers.
class SimulatedLink final : public ControllerLink {
 public:
  using OnCommand = std::function<void(GroupCommand command)>;

  SimulatedLink(VirtualTime& time, int32_t num_groups, int64_t max_delay_us, const AssignmentLimits& limits,
                OnCommand on_command)
      : on_command_(std::move(on_command)), wires_(static_cast<size_t>(num_groups), SimulatedWire(time, max_delay_us)) {
    for (int32_t group = 0; group < num_groups; ++group) readers_.emplace_back(group, limits);
  }

  Status send_to_all(SharedBytes map) override {
    for (int32_t group = 0; group < static_cast<int32_t>(wires_.size()); ++group) TRY_STATUS(send_to(group, map));
    return {};
  }
  Status send_to(int32_t group, SharedBytes map) override {
    wires_.at(static_cast<size_t>(group)).send([this, group, map = std::move(map)] {
      Result<GroupCommand> command = readers_[static_cast<size_t>(group)].read(map);
      CHECK(command.ok(), "{}", command.error().message);
      if (!command.value().is_empty()) on_command_(std::move(command).value());
    });
    return {};
  }
  Result<std::optional<LinkEvent>> receive(double /*timeout_s*/) override { return std::optional<LinkEvent>(); }
  void wake() override {}

 private:
  const OnCommand on_command_;
  std::vector<SimulatedWire> wires_;
  std::vector<AssignmentReader> readers_;
};

}  // namespace braid
