#include "braid/node/cluster_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace braid {

void ClusterProfile::add(const PeerId& peer, ProfiledProcess process, const std::string& system, double now_s) {
  if (is_ending_) return;
  const size_t num_ranks = process.ranks.size();
  Source& source = sources_.emplace_back(Source{.peer = peer,
                                                .system = system,
                                                .process = std::move(process),
                                                .parts = {},
                                                .num_spans = std::vector<size_t>(num_ranks, 0),
                                                .next_collect_s = now_s + kCollect_s,
                                                .asked_s = {},
                                                .first_readings = {},
                                                .last_readings = {}});
  source.parts.resize(num_ranks);
  outgoing_.push_back({.peer = peer, .message = ProfileStart{.id = id_}});
  ask_clock(source, now_s);
}

ClusterProfile::Source* ClusterProfile::find(const PeerId& peer) {
  const auto found = std::ranges::find(sources_, peer, &Source::peer);
  return found == sources_.end() || peer.empty() ? nullptr : &*found;
}

void ClusterProfile::ask_clock(Source& source, double now_s) {
  source.asked_s = now_s;
  source.waits_since_s = now_s;
  outgoing_.push_back({.peer = source.peer, .message = ClockQuestion{.id = ++source.question}});
}

void ClusterProfile::ask_for_part(Source& source, double now_s) {
  source.is_asked = true;
  source.waits_since_s = now_s;
  source.is_asked_last = is_ending_;
  source.next_collect_s = now_s + kCollect_s;
  outgoing_.push_back({.peer = source.peer, .message = ProfileWanted{.id = id_, .is_last = is_ending_}});
}

void ClusterProfile::give_up(Source& source, const std::string& reason) {
  source.peer.clear();
  source.is_whole = true;
  source.process.missing = reason;
}

void ClusterProfile::lose(const PeerId& peer, const std::string& reason) {
  if (Source* const source = find(peer); source != nullptr && !source->is_whole) give_up(*source, reason);
}

void ClusterProfile::take(const PeerId& peer, ProfilePart part, double now_s) {
  Source* const source = find(peer);
  if (source == nullptr || part.id != id_ || !source->is_asked) return;
  source->is_asked = false;
  const auto rank = static_cast<size_t>(part.rank);
  if (rank >= source->parts.size()) {
    give_up(*source, fmt::format("it sent spans of a rank {}, and has {} ranks", part.rank, source->parts.size()));
    return;
  }
  source->num_spans[rank] += part.spans.size();
  if (source->num_spans[rank] > StepTrace::kMaxSpans) {
    give_up(*source, fmt::format("it sent more than {} spans of a rank", StepTrace::kMaxSpans));
    return;
  }
  if (part.has_more && part.spans.empty()) {  // it would be asked for ever
    give_up(*source, "it sent no spans, and said that there are more");
    return;
  }
  if (!part.spans.empty()) source->parts[rank].push_back(std::move(part.spans));
  if (part.has_more || (is_ending_ && !source->is_asked_last)) {
    ask_for_part(*source, now_s);
  } else if (source->is_asked_last) {
    source->has_all = true;
    if (!source->asked_s) ask_clock(*source, now_s);
  }
}

// The end's readings begin when all spans have come, so that none has to wait behind a part.
void ClusterProfile::take(const PeerId& peer, const ClockAnswer& answer, double now_s) {
  Source* const source = find(peer);
  if (source == nullptr || !source->asked_s || answer.id != source->question) return;
  std::vector<ClockReading>& readings =
      source->first_readings.size() < kReadings ? source->first_readings : source->last_readings;
  readings.push_back({.asked_s = *source->asked_s, .answered_s = now_s, .other_s = answer.monotonic_s});
  source->asked_s.reset();
  if (source->first_readings.size() < kReadings || (source->has_all && source->last_readings.size() < kReadings)) {
    ask_clock(*source, now_s);
  } else if (source->has_all) {
    source->is_whole = true;
  }
}

void ClusterProfile::look(double now_s) {
  for (Source& source : sources_) {
    if (source.is_whole) continue;
    const bool is_awaited = source.is_asked || source.asked_s.has_value();
    if (is_awaited && now_s > source.waits_since_s + kSilence_s) {
      give_up(source, fmt::format("it has not answered within {} s", kSilence_s));
    } else if (!is_ending_ && !source.is_asked && now_s >= source.next_collect_s) {
      ask_for_part(source, now_s);
    }
  }
}

void ClusterProfile::end(double now_s) {
  is_ending_ = true;
  for (Source& source : sources_) {
    if (!source.is_whole && !source.is_asked) ask_for_part(source, now_s);  // else once that has come
  }
}

bool ClusterProfile::is_whole() const {
  return is_ending_ && std::ranges::all_of(sources_, &Source::is_whole);
}

Profile ClusterProfile::profile() && {
  Profile profile;
  for (Source& source : sources_) {
    if (!source.is_whole) give_up(source, "the server ends");
    for (size_t rank = 0; rank < source.parts.size(); ++rank) {
      std::vector<TraceSpan>& spans = source.process.ranks[rank].spans;
      spans.reserve(source.num_spans[rank]);
      for (const auto& part : source.parts[rank]) spans.insert(spans.end(), part.begin(), part.end());
    }
    place(source);
    profile.processes.push_back(std::move(source.process));
  }
  const auto first_rank = [](const ProfiledProcess& process) {
    return process.ranks.empty() ? 0 : process.ranks.front().rank;
  };
  std::ranges::stable_sort(profile.processes, {}, first_rank);
  return profile;
}

// Clocks differ in speed, too. Where the readings at the start and at the end show that, the offset is taken to change
// evenly between them; else the better of the two stands. Processes on the front's host have its clock, unless the
// readings say otherwise (a time namespace).
void ClusterProfile::place(Source& source) const {
  ProfiledProcess& process = source.process;
  if (source.first_readings.empty()) {
    for (ProfiledRank& rank : process.ranks) rank.spans.clear();
    process.missing += "; its clock could not be read";
    return;
  }
  const ClockOffset first = clock_offset(source.first_readings);
  const ClockOffset last = source.last_readings.empty() ? first : clock_offset(source.last_readings);
  const auto may_be_none = [](const ClockOffset& offset) { return std::abs(offset.ahead_s) <= offset.error_s; };
  if (!system_.empty() && source.system == system_ && may_be_none(first) && may_be_none(last)) return;
  ClockOffset offset = first.error_s < last.error_s ? first : last;
  double drift = 0;
  const double first_s = source.first_readings.back().other_s;
  if (std::abs(last.ahead_s - first.ahead_s) > first.error_s + last.error_s) {
    const double last_s = source.last_readings.front().other_s;
    if (last_s > first_s) drift = (last.ahead_s - first.ahead_s) / (last_s - first_s);
    offset = {.ahead_s = first.ahead_s, .error_s = std::max(first.error_s, last.error_s)};
  }
  process.clock_ahead_s = offset.ahead_s;
  process.clock_error_s = offset.error_s;
  const auto on_own_clock = [&](double time_s) { return time_s - offset.ahead_s - drift * (time_s - first_s); };
  for (ProfiledRank& rank : process.ranks) {
    for (TraceSpan& span : rank.spans) {
      span.begin_s = on_own_clock(span.begin_s);
      span.end_s = on_own_clock(span.end_s);
    }
  }
}

}  // namespace braid
