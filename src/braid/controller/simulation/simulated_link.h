// For tests: the links between the controller and the groups under virtual time. Bytes arrive late, in order on each
// link but in any order between links.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "braid/controller/simulation/virtual_time.h"
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

// The controller's end: sends maps as bytes to the groups.
class SimulatedLink final : public ControllerLink {
 public:
  using OnMap = std::function<void(int32_t group, SharedBytes map)>;

  SimulatedLink(VirtualTime& time, int32_t num_groups, int64_t max_delay_us, OnMap on_map)
      : on_map_(std::move(on_map)),
        wires_(static_cast<size_t>(num_groups), SimulatedWire(time, max_delay_us)),
        damage_(static_cast<size_t>(num_groups), Damage::kNone),
        is_left_out_(static_cast<size_t>(num_groups), false),
        starts_(static_cast<size_t>(num_groups), 0) {}

  enum class Damage : uint8_t { kNone, kCutShort, kArrivesTwice };
  // Damages the group's next map.
  void damage_next(int32_t group, Damage damage) { damage_.at(static_cast<size_t>(group)) = damage; }

  Status send_to_all(SharedBytes map) override {
    for (int32_t group = 0; group < static_cast<int32_t>(wires_.size()); ++group) {
      if (!is_left_out_[static_cast<size_t>(group)]) TRY_STATUS(send_to(group, map));
    }
    return {};
  }
  Status send_to(int32_t group, SharedBytes map) override {
    const Damage damage = std::exchange(damage_.at(static_cast<size_t>(group)), Damage::kNone);
    if (damage == Damage::kCutShort) {
      const auto half = map.span().first(map.size() / 2);
      map = SharedBytes(std::vector<std::byte>(half.begin(), half.end()));
    }
    for (int copy = 0; copy < (damage == Damage::kArrivesTwice ? 2 : 1); ++copy) {
      wires_[static_cast<size_t>(group)].send([this, group, map, start = starts_[static_cast<size_t>(group)]] {
        if (start == starts_[static_cast<size_t>(group)]) on_map_(group, map);  // else its publisher is gone
      });
    }
    return {};
  }
  int32_t num_receivers() const override { return static_cast<int32_t>(wires_.size()); }
  void leave_out(int32_t group) override { is_left_out_.at(static_cast<size_t>(group)) = true; }
  std::unique_ptr<PublisherLink> let_back(int32_t group) override {
    is_left_out_.at(static_cast<size_t>(group)) = false;
    ++starts_.at(static_cast<size_t>(group));
    return nullptr;
  }
  Result<std::optional<LinkEvent>> receive(double /*timeout_s*/) override { return std::optional<LinkEvent>(); }
  void wake() override {}

 private:
  const OnMap on_map_;
  std::vector<SimulatedWire> wires_;
  std::vector<Damage> damage_;
  std::vector<bool> is_left_out_;
  std::vector<int32_t> starts_;  // of each group's publisher
};

// A publisher's end: the maps that have arrived.
class SimulatedPublisherLink final : public PublisherLink {
 public:
  explicit SimulatedPublisherLink(std::shared_ptr<std::deque<SharedBytes>> maps) : maps_(std::move(maps)) {}

  Result<std::optional<SharedBytes>> receive(double /*timeout_s*/) override {
    if (maps_->empty()) return std::optional<SharedBytes>();
    std::optional<SharedBytes> map = std::move(maps_->front());
    maps_->pop_front();
    return map;
  }
  Status send(SharedBytes /*outputs*/) override { return fail("outputs go another way"); }
  void wake() override {}

 private:
  const std::shared_ptr<std::deque<SharedBytes>> maps_;
};

}  // namespace braid
