// When a lost world starts again, and when it does so no more. Pure: the caller says what time it is, in seconds of any
// clock. Tested by world_restarts_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "braid/controller/world_status.h"

namespace braid {

class WorldRestarts {
 public:
  // A world may start again `max_restarts` times within this time.
  static constexpr double kWindowS = 600;
  // Before a restart; doubled, up to a limit, for each one that follows before the world has run for a while.
  static constexpr double kFirstDelayS = 0.1;
  static constexpr double kMaxDelayS = 10;
  static constexpr double kCalmS = 10;

  WorldRestarts(int32_t num_worlds, int32_t max_restarts)
      : max_restarts_(max_restarts), worlds_(static_cast<size_t>(num_worlds)) {}

  // The world has failed, or could not start again. Returns whether it will start again.
  bool fail(int32_t world, const std::string& reason, double now_s, double unix_s);
  // The world was ended to start again elsewhere: at once, and as often as that happens.
  void end_on_purpose(int32_t world, const std::string& reason, double now_s);
  // It will not start again, whatever it is allowed.
  void give_up(int32_t world, const std::string& reason, double unix_s);
  // A world whose time to start again has come; from then on it is starting.
  std::optional<int32_t> take_due(double now_s);
  // When the next world is due. Absent: none is.
  std::optional<double> next_due_s() const;
  // It runs again. Returns how long it was down.
  double succeed(int32_t world, double now_s);

  bool runs(int32_t world) const { return status(world).state == WorldStatus::State::kRuns; }
  bool is_lost(int32_t world) const { return status(world).state == WorldStatus::State::kLost; }
  int32_t num_lost() const;  // for good
  int32_t num_worlds() const { return static_cast<int32_t>(worlds_.size()); }
  const WorldStatus& status(int32_t world) const { return worlds_.at(static_cast<size_t>(world)).status; }

 private:
  struct World {
    WorldStatus status;
    std::deque<double> restarts_s = {};  // those that were allowed within the window
    double failed_s = 0;
    double runs_since_s = 0;
    double delay_s = kFirstDelayS;  // before the next one
    std::optional<double> due_s = {};
  };

  static void set_failed(World& own, WorldStatus::State state, const std::string& reason, double unix_s);

  const int32_t max_restarts_;
  std::vector<World> worlds_;
};

}  // namespace braid
