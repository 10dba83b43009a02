// What the processes of a world tell each other when it ends, and the report that all of them make of it: the same
// text, if all could tell all. Tested by end_of_world_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/parallel/flight_recorder.h"
#include "braid/parallel/rank_spread.h"

namespace braid {

class EndOfWorld {
 public:
  static constexpr double kNow_s = 1e9;  // the time of the report, from which tracks' ages count

  explicit EndOfWorld(const RankSpread& spread);

  void set_track(int32_t rank, std::vector<OpRecord> records);
  void set_reason(int32_t process, std::string_view reason);  // its last word; empty: it heard of the end from others

  bool has_any() const;  // reason
  bool has(int32_t process) const;

  // The reason of the first process that has one, and what each rank did.
  std::string report(int32_t group_size) const;

 private:
  const RankSpread spread_;
  std::vector<std::optional<std::string>> reasons_;  // of each process
  std::vector<std::vector<OpRecord>> tracks_;        // of each rank
};

}  // namespace braid
