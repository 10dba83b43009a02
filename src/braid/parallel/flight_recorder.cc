#include "braid/parallel/flight_recorder.h"

#include <fmt/format.h>

#include <algorithm>

namespace braid {
namespace {

std::string waits_for(size_t rank, const OpRecord& record, const std::vector<RankTrack>& all, size_t group_size) {
  const size_t first = record.is_group ? rank / group_size * group_size : 0;
  const size_t end = record.is_group ? first + group_size : all.size();
  if (record.kind == OpKind::kHandOver) return "the other processes";
  if (record.kind == OpKind::kTakeOver) return fmt::format("rank {}", record.peer);
  if (record.kind == OpKind::kRecv) return fmt::format("rank {}", first + static_cast<size_t>(record.peer));
  std::string missing;
  for (size_t other = first; other < end; ++other) {
    const bool is_there = std::ranges::any_of(all[other].records, [&](const OpRecord& one) {
      return one.is_group == record.is_group && one.is_same_call(record);
    });
    if (!is_there) missing += fmt::format("{}{}", missing.empty() ? "rank " : ", ", other);
  }
  return missing.empty() ? "nobody: all are there" : missing;
}

}  // namespace

std::string describe(const OpRecord& record) {
  const std::string peer = record.kind == OpKind::kSend        ? fmt::format(" to rank {}", record.peer)
                           : record.kind == OpKind::kRecv      ? fmt::format(" from rank {}", record.peer)
                           : record.kind == OpKind::kTakeOver  ? fmt::format(" from rank {}", record.peer)
                           : record.kind == OpKind::kBroadcast ? fmt::format(" from rank {}", record.peer)
                                                               : "";
  return fmt::format("{} {}{} (step {}, op {}, {} bytes)", record.is_group ? "group" : "world", op_name(record.kind),
                     peer, record.step, record.op, record.bytes);
}

std::string report_of(const std::vector<RankTrack>& ranks, int32_t group_size, double now_s) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto& records = ranks[rank].records;
    text += fmt::format("{}rank {}: ", rank == 0 ? "" : "\n", rank);
    if (records.empty()) {
      text += ranks[rank].unknown.empty() ? "has called nothing yet" : ranks[rank].unknown;
      continue;
    }
    const OpRecord& now = records.back();
    if (now.left_s < 0) {
      text += fmt::format("in {} for {:.3f} s, waits for {}", describe(now), now_s - now.entered_s,
                          waits_for(rank, now, ranks, static_cast<size_t>(group_size)));
    } else {
      text += fmt::format("in no operation for {:.3f} s, the last was {}", now_s - now.left_s, describe(now));
    }
    for (size_t i = 1; i < std::min(kShown, records.size()); ++i) {
      text += fmt::format("{}{}", i == 1 ? "; before: " : ", ", describe(records[records.size() - 1 - i]));
    }
  }
  return text;
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
  OpRecord record;
  {
    const std::lock_guard lock(track.mutex);
    if (track.num_entered - number > kKept) return;
    track.ring[number % kKept].left_s = now_s;
    if (trace_ == nullptr || !trace_->is_on()) return;
    record = track.ring[number % kKept];
  }
  trace_->add(first_traced_rank_ + rank, {.phase = TracePhase::kOperation,
                                          .step = static_cast<uint64_t>(record.step),
                                          .begin_s = record.entered_s,
                                          .end_s = now_s,
                                          .op = {.bytes = record.bytes,
                                                 .number = record.op,
                                                 .kind = static_cast<uint8_t>(record.kind),
                                                 .is_group = record.is_group}});
}

void FlightRecorder::trace_to(StepTrace& trace, int32_t first_rank) {
  trace_ = &trace;
  first_traced_rank_ = first_rank;
}

std::vector<OpRecord> FlightRecorder::last(int32_t rank) const {
  const Track& track = *tracks_[static_cast<size_t>(rank)];
  const std::lock_guard lock(track.mutex);
  const uint64_t kept = std::min<uint64_t>(track.num_entered, kKept);
  std::vector<OpRecord> records;
  for (uint64_t i = track.num_entered - kept; i < track.num_entered; ++i) records.push_back(track.ring[i % kKept]);
  return records;
}

std::string FlightRecorder::report(double now_s) const {
  std::vector<RankTrack> all;
  for (size_t rank = 0; rank < tracks_.size(); ++rank) all.push_back({.records = last(static_cast<int32_t>(rank))});
  return report_of(all, group_size_, now_s);
}

}  // namespace braid
