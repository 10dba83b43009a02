#include "braid/api/profile_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace braid {
namespace {

constexpr double kSlowAtEvenWork = 1.3;
constexpr double kMostlyOne = 0.6;  // of all lateness: one rank is late by itself, else ranks take turns

using Work = std::array<double, kNumWorkKinds>;  // seconds

struct RecordedStep {
  Work work{};
  double exchange_s = 0;
  double total_s = 0;
};
using RecordedSteps = std::map<uint64_t, RecordedStep>;

struct RecordedRank {
  const ProfiledProcess* process = nullptr;
  const ProfiledRank* rank = nullptr;
  RecordedSteps steps;
  Work lost{};  // by the others, waiting for it
  double ffn_s = 0;
};

// The ranks that step together: of a world, and of one of its starts.
using Start = std::pair<int32_t, int32_t>;

std::optional<WorkKind> work_kind(TracePhase phase) {
  switch (phase) {
    case TracePhase::kPlan:
    case TracePhase::kSample:
    case TracePhase::kCommit:
      return WorkKind::kDecide;
    case TracePhase::kAttention:
      return WorkKind::kAttention;
    case TracePhase::kFfn:
      return WorkKind::kFfn;
    case TracePhase::kHead:
      return WorkKind::kHead;
    default:
      return std::nullopt;
  }
}

RecordedSteps steps_of(const std::vector<TraceSpan>& spans) {
  RecordedSteps steps;
  for (const TraceSpan& span : spans) {
    if (span.phase == TracePhase::kIdle || span.phase == TracePhase::kOperation) continue;
    RecordedStep& step = steps[span.step];
    const double seconds = span.end_s - span.begin_s;
    step.total_s += seconds;
    if (const auto kind = work_kind(span.phase)) {
      step.work[static_cast<size_t>(*kind)] += seconds;
    } else if (span.phase != TracePhase::kHeader) {
      step.exchange_s += seconds;
    }
  }
  return steps;
}

// Steps with a forward pass that all ranks have recorded, without the first and the last, which may be cut.
std::vector<uint64_t> common_steps(const std::vector<RecordedRank>& ranks) {
  std::vector<uint64_t> common;
  for (const auto& [number, first] : ranks.front().steps) {
    const auto has_it = [number = number](const RecordedRank& rank) {
      const auto found = rank.steps.find(number);
      return found != rank.steps.end() && found->second.work[static_cast<size_t>(WorkKind::kFfn)] > 0;
    };
    if (std::ranges::all_of(ranks, has_it)) common.push_back(number);
  }
  if (common.size() <= 2) return {};
  return {common.begin() + 1, common.end() - 1};
}

// Adds a start's steps to the sums, and to what each rank is waited for.
void add_steps(std::vector<RecordedRank>& ranks, ProfileWaits& sums, double& late_s) {
  const auto num_ranks = static_cast<double>(ranks.size());
  for (const uint64_t number : common_steps(ranks)) {
    ++sums.num_steps;
    for (RecordedRank& rank : ranks) {
      const RecordedStep& step = rank.steps.at(number);
      rank.ffn_s += step.work[static_cast<size_t>(WorkKind::kFfn)];
      sums.steps_s += step.total_s / num_ranks;
      sums.transfer_s += step.exchange_s / num_ranks;
    }
    for (size_t kind = 0; kind < kNumWorkKinds; ++kind) {
      const auto work_of = [&](const RecordedRank& rank) { return rank.steps.at(number).work[kind]; };
      RecordedRank& last = *std::ranges::max_element(ranks, {}, work_of);
      double others_s = -work_of(last);
      for (const RecordedRank& rank : ranks) others_s += work_of(rank);
      const double lost_s = work_of(last) - others_s / (num_ranks - 1);
      last.lost[kind] += lost_s;
      late_s += lost_s;
      // Until the last rank has come all but that one wait; deciding is waited for with the headers.
      if (kind != static_cast<size_t>(WorkKind::kDecide)) sums.transfer_s -= lost_s * (num_ranks - 1) / num_ranks;
    }
  }
}

double lost_of(const RecordedRank& rank) {
  double sum_s = 0;
  for (const double lost_s : rank.lost) sum_s += lost_s;
  return sum_s;
}

void describe(const RecordedRank& most, const std::vector<RecordedRank>& ranks, ProfileWaits& waits) {
  waits.rank = most.rank->rank;
  waits.group = most.rank->group;
  waits.node = most.process->node;
  waits.host = most.process->host;
  waits.work = static_cast<WorkKind>(std::ranges::max_element(most.lost) - most.lost.begin());
  waits.lost_s = lost_of(most);
  std::set<int32_t> groups;
  std::set<const ProfiledProcess*> processes;
  double others_s = -most.ffn_s;
  for (const RecordedRank& rank : ranks) {
    groups.insert(rank.rank->group);
    processes.insert(rank.process);
    others_s += rank.ffn_s;
  }
  waits.num_groups = static_cast<int32_t>(groups.size());
  waits.num_processes = static_cast<int32_t>(processes.size());
  if (others_s > 0) waits.times_slower = most.ffn_s * static_cast<double>(ranks.size() - 1) / others_s;
}

std::string_view work_name(WorkKind work) {
  constexpr std::array<std::string_view, kNumWorkKinds> kNames = {"planning and sampling", "attention",
                                                                  "the feed-forward layers", "the head"};
  return kNames[static_cast<size_t>(work)];
}

struct Help {
  std::string_view reason;
  std::string_view flag;
};

Help help_for(const ProfileWaits& waits) {
  if (waits.transfer_s > waits.lost_s && waits.num_nodes > 1) {
    return {"Rows travel between the nodes for longer than that, and rounded sums are half as long",
            "--exchange-dtype bfloat16"};
  }
  if (waits.transfer_s > waits.lost_s && waits.num_processes > 1) {
    return {"Rows travel between the processes for longer than that: fewer, larger ones exchange less",
            "--ranks-per-process"};
  }
  if (waits.times_slower >= kSlowAtEvenWork) {
    if (waits.num_nodes > 1) {
      return {"It is slower at equal work: end what else runs on that node, or give it fewer ranks", "--ranks-on-node"};
    }
    return {"It is slower at equal work: end what else runs on its cores, or use fewer threads", "--threads-per-rank"};
  }
  switch (waits.work) {
    case WorkKind::kDecide:
      return {"Fewer requests a step, or requests without penalties and logprobs, are decided sooner",
              "--max-running-requests"};
    case WorkKind::kHead:
      return {"It has more rows for the head: fewer requests a step even that out", "--max-running-requests"};
    case WorkKind::kFfn:
      if (waits.num_groups == 1 || waits.share_of_late < kMostlyOne) break;
      return {"If experts are whole on ranks, slices of all of them are more even", "--moe-parallel tp"};
    case WorkKind::kAttention:
      if (waits.num_groups == 1) break;
      if (waits.share_of_late < kMostlyOne) {
        return {
            "Groups take turns in being late, as when one prefills while the others decode: let them do that together",
            "--prefill-alignment"};
      }
      return {"Its group has more to compute: let running requests move to others", "--kv-rebalance"};
  }
  return {"Ranks take turns in being late, as when there are more compute threads than cores: use fewer",
          "--threads-per-rank"};
}

}  // namespace

std::optional<ProfileWaits> profile_waits(const Profile& profile) {
  std::map<Start, std::vector<RecordedRank>> starts;
  std::set<std::pair<int32_t, std::string>> nodes;
  for (const ProfiledProcess& process : profile.processes) {
    nodes.emplace(process.node, process.host);
    for (const ProfiledRank& rank : process.ranks) {
      if (rank.spans.empty()) continue;
      starts[{rank.world, process.num_restarts}].push_back(
          {.process = &process, .rank = &rank, .steps = steps_of(rank.spans)});
    }
  }
  ProfileWaits waits;
  double late_s = 0;
  const RecordedRank* most = nullptr;
  const std::vector<RecordedRank>* most_ranks = nullptr;
  for (auto& [start, ranks] : starts) {
    if (ranks.size() < 2) continue;
    add_steps(ranks, waits, late_s);
    const RecordedRank& own = *std::ranges::max_element(ranks, {}, lost_of);
    if (most != nullptr && lost_of(*most) >= lost_of(own)) continue;
    most = &own;
    most_ranks = &ranks;
  }
  if (waits.num_steps == 0) return std::nullopt;
  describe(*most, *most_ranks, waits);
  waits.num_nodes = static_cast<int32_t>(nodes.size());
  waits.share_of_late = late_s > 0 ? waits.lost_s / late_s : 0;
  waits.transfer_s = std::max(0.0, waits.transfer_s);
  return waits;
}

std::string helpful_flag(const ProfileWaits& waits) {
  return std::string(help_for(waits).flag);
}

std::string waits_text(const ProfileWaits& waits) {
  const Help help = help_for(waits);
  const auto steps = static_cast<double>(waits.num_steps);
  return fmt::format(
      "Most waited for is rank {} (group {}, node {}{}): {:.3f} ms of a step's {:.3f} ms, {:.1f} ms in all, for {}. {} "
      "({}).",
      waits.rank, waits.group, waits.node, waits.host.empty() ? "" : " on " + waits.host, 1e3 * waits.lost_s / steps,
      1e3 * waits.steps_s / steps, 1e3 * waits.lost_s, work_name(waits.work), help.reason, help.flag);
}

}  // namespace braid
