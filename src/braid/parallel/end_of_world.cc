#include "braid/parallel/end_of_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace braid {

EndOfWorld::EndOfWorld(const RankSpread& spread)
    : spread_(spread),
      reasons_(static_cast<size_t>(spread.num_processes())),
      tracks_(static_cast<size_t>(spread.num_ranks())) {}

void EndOfWorld::set_track(int32_t rank, std::vector<OpRecord> records) {
  tracks_[static_cast<size_t>(rank)] = std::move(records);
}

void EndOfWorld::set_reason(int32_t process, std::string_view reason) {
  reasons_[static_cast<size_t>(process)] = reason;
}

bool EndOfWorld::has_any() const {
  return std::ranges::any_of(reasons_, [](const auto& reason) { return reason.has_value(); });
}

bool EndOfWorld::has(int32_t process) const {
  return reasons_[static_cast<size_t>(process)].has_value();
}

std::string EndOfWorld::report(int32_t group_size) const {
  const auto given = std::ranges::find_if(reasons_, [](const auto& reason) { return reason && !reason->empty(); });
  std::vector<RankTrack> tracks;
  for (int32_t rank = 0; rank < spread_.num_ranks(); ++rank) {
    const int32_t process = spread_.process_of(rank);
    if (reasons_[static_cast<size_t>(process)]) {
      tracks.push_back({.records = tracks_[static_cast<size_t>(rank)]});
    } else {
      tracks.push_back({.unknown = fmt::format("its process {} does not answer", process)});
    }
  }
  return fmt::format("{}\n{}", given == reasons_.end() ? "no process says why" : **given,
                     report_of(tracks, group_size, kNow_s));
}

}  // namespace braid
