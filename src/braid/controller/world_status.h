// How one world of ranks stands. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace braid {

struct WorldStatus {
  enum class State : uint8_t {
    kRuns,
    kRestarts,  // it has failed, and starts again
    kLost,      // it has failed for good
  };
  State state = State::kRuns;
  uint64_t num_restarts = 0;    // that have succeeded
  std::string last_error = {};  // one line; empty: it has never failed
  double last_error_unix_s = 0;
  std::string planned_end = {};  // why it was ended on purpose, until it runs again

  bool operator==(const WorldStatus&) const = default;
};

inline std::string_view world_state_name(WorldStatus::State state) {
  constexpr std::string_view kNames[] = {"running", "restarting", "lost"};
  return kNames[static_cast<size_t>(state)];
}

}  // namespace braid
