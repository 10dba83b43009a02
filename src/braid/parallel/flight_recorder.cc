#include "braid/parallel/flight_recorder.h"

#include <fmt/format.h>

#include <algorithm>

namespace braid {

std::string describe(const OpRecord& record) {
  const std::string peer = record.kind == OpKind::kSend        ? fmt::format(" to rank {}", record.peer)
                           : record.kind == OpKind::kRecv      ? fmt::format(" from rank {}", record.peer)
                           : record.kind == OpKind::kBroadcast ? fmt::format(" from rank {}", record.peer)
                                                               : "";
  return fmt::format("{} {}{} (step {}, op {}, {} bytes)", record.is_group ? "group" : "world", op_name(record.kind),
                     peer, record.step, record.op, record.bytes);
}

FlightRecorder::FlightRecorder(int32_t num_ranks, int32_t group_size) : group_size_(group_size) {
  for (int32_t rank = 0; rank < num_ranks; ++rank) tracks_.push_back(std::make_unique<Track>());
}

uint64_t FlightRecorder::enter(int32_t rank, const OpRecord& record) {
  Track& track = *tracks_[static_cast<size_t>(rank)];
  const std::lock_guard lock(track.mutex);
  track.ring[track.num_entered % kKept] = record;
  return track.num_entered++;
}

void FlightRecorder::leave(int32_t rank, uint64_t number, double now_s) {
  Track& track = *tracks_[static_cast<size_t>(rank)];
  const std::lock_guard lock(track.mutex);
  if (track.num_entered - number <= kKept) track.ring[number % kKept].left_s = now_s;
}

std::vector<OpRecord> FlightRecorder::last(int32_t rank) const {
  const Track& track = *tracks_[static_cast<size_t>(rank)];
  const std::lock_guard lock(track.mutex);
  const uint64_t kept = std::min<uint64_t>(track.num_entered, kKept);
  std::vector<OpRecord> records;
  for (uint64_t i = track.num_entered - kept; i < track.num_entered; ++i) records.push_back(track.ring[i % kKept]);
  return records;
}

std::string FlightRecorder::waits_for(int32_t rank, const OpRecord& record,
                                      const std::vector<std::vector<OpRecord>>& all) const {
  const int32_t first = record.is_group ? rank / group_size_ * group_size_ : 0;
  const int32_t end = record.is_group ? first + group_size_ : static_cast<int32_t>(all.size());
  if (record.kind == OpKind::kRecv) return fmt::format("rank {}", first + record.peer);
  std::string missing;
  for (int32_t other = first; other < end; ++other) {
    const auto& records = all[static_cast<size_t>(other)];
    const bool is_there = std::any_of(records.begin(), records.end(), [&](const OpRecord& one) {
      return one.is_group == record.is_group && one.is_same_call(record);
    });
    if (!is_there) missing += fmt::format("{}{}", missing.empty() ? "rank " : ", ", other);
  }
  return missing.empty() ? "nobody: all are there" : missing;
}

std::string FlightRecorder::report(double now_s) const {
  constexpr size_t kShown = 4;
  std::vector<std::vector<OpRecord>> all;
  for (size_t rank = 0; rank < tracks_.size(); ++rank) all.push_back(last(static_cast<int32_t>(rank)));
  std::string text;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const auto& records = all[rank];
    text += fmt::format("{}rank {}: ", rank == 0 ? "" : "\n", rank);
    if (records.empty()) {
      text += "has called nothing yet";
      continue;
    }
    const OpRecord& now = records.back();
    if (now.left_s < 0) {
      text += fmt::format("in {} for {:.3f} s, waits for {}", describe(now), now_s - now.entered_s,
                          waits_for(static_cast<int32_t>(rank), now, all));
    } else {
      text += fmt::format("in no operation for {:.3f} s, the last was {}", now_s - now.left_s, describe(now));
    }
    for (size_t i = 1; i < std::min(kShown, records.size()); ++i) {
      text += fmt::format("{}{}", i == 1 ? "; before: " : ", ", describe(records[records.size() - 1 - i]));
    }
  }
  return text;
}

}  // namespace braid
