#include "braid/api/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "braid/api/operation_waits.h"
#include "braid/api/profile_waits.h"
#include "braid/formats/json.h"
#include "braid/parallel/transport.h"

namespace braid {
namespace {

double first_begin(const Profile& profile) {
  double first_s = std::numeric_limits<double>::infinity();
  for (const ProfiledProcess& process : profile.processes) {
    for (const ProfiledRank& rank : process.ranks) {
      for (const TraceSpan& span : rank.spans) first_s = std::min(first_s, span.begin_s);
    }
  }
  return first_s;
}

// Hosts' names and what processes say come from outside.
std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_event(std::string& json, std::string_view event) {
  json += json.back() == '[' ? "\n" : ",\n";
  json += event;
}

std::string process_name(const ProfiledProcess& process) {
  return fmt::format("node {}{}, pid {}", process.node, process.host.empty() ? "" : " on " + process.host, process.pid);
}

std::string rank_numbers(const ProfiledProcess& process) {
  std::string numbers = process.ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < process.ranks.size(); ++i) {
    numbers += fmt::format("{}{}", i > 0 ? ", " : "", process.ranks[i].rank);
  }
  return numbers;
}

// Operations are in a row of their own below their rank's: they lie within its phases.
constexpr int32_t kOperationsRow = 1'000'000;

void append_operation(std::string& json, const ProfiledProcess& process, const ProfiledRank& rank,
                      const TraceSpan& span, size_t number, double origin_s, const OperationWaits& waits) {
  append_event(
      json, fmt::format(R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},)"
                        R"("args":{{"step":{},"op":{},"among":"{}","bytes":{},"wait_ms":{:.3f}}}}})",
                        op_name(static_cast<OpKind>(span.op.kind)), number, kOperationsRow + rank.rank,
                        (span.begin_s - origin_s) * 1e6, (span.end_s - span.begin_s) * 1e6, span.step, span.op.number,
                        span.op.is_group ? "group" : "world", span.op.bytes, 1e3 * waits.of(process, rank, span)));
}

void append_process(std::string& json, const ProfiledProcess& process, size_t number, double origin_s,
                    const OperationWaits& waits) {
  append_event(json, fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":{}}}}})", number,
                                 json_string(process_name(process))));
  for (const ProfiledRank& rank : process.ranks) {
    append_event(json, fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},)"
                                   R"j("args":{{"name":"rank {} (group {})"}}}})j",
                                   number, rank.rank, rank.rank, rank.group));
    if (std::ranges::find(rank.spans, TracePhase::kOperation, &TraceSpan::phase) != rank.spans.end()) {
      append_event(json, fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},)"
                                     R"j("args":{{"name":"rank {}: operations among ranks"}}}})j",
                                     number, kOperationsRow + rank.rank, rank.rank));
    }
    for (const TraceSpan& span : rank.spans) {
      if (span.phase == TracePhase::kOperation) {
        append_operation(json, process, rank, span, number, origin_s, waits);
        continue;
      }
      append_event(json, fmt::format(R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},)"
                                     R"("args":{{"step":{}}}}})",
                                     trace_phase_name(span.phase), number, rank.rank, (span.begin_s - origin_s) * 1e6,
                                     (span.end_s - span.begin_s) * 1e6, span.step));
    }
  }
}

Json process_data(const ProfiledProcess& process, size_t number) {
  Json ranks = Json::array();
  for (const ProfiledRank& rank : process.ranks) ranks.push_back(rank.rank);
  return {{"pid", number},
          {"node", process.node},
          {"host", process.host},
          {"system_pid", process.pid},
          {"ranks", std::move(ranks)},
          {"clock_ahead_ms", 1e3 * process.clock_ahead_s},
          {"clock_error_ms", 1e3 * process.clock_error_s},
          {"missing", process.missing}};
}

Json waits_data(const ProfileWaits& waits) {
  const auto steps = static_cast<double>(waits.num_steps);
  return {{"rank", waits.rank},
          {"group", waits.group},
          {"node", waits.node},
          {"host", waits.host},
          {"ms", 1e3 * waits.lost_s},
          {"ms_a_step", 1e3 * waits.lost_s / steps},
          {"step_ms", 1e3 * waits.steps_s / steps},
          {"flag", helpful_flag(waits)}};
}

// Read off millions of spans, so only once.
struct ProfileFindings {
  explicit ProfileFindings(const Profile& profile) : shares(phase_shares(profile)), waits(profile_waits(profile)) {}

  PhaseShares shares;
  std::optional<ProfileWaits> waits;
};

std::string general_suggestion(const PhaseShares& shares) {
  using enum TracePhase;
  if (shares.share(kPlan) + shares.share(kSample) + shares.share(kCommit) > 0.15) {
    return "Planning and sampling cost more than they should beside the model: fewer requests a step "
           "(--max-running-requests), or greedy and top-k requests instead of penalties and logprobs.";
  }
  if (shares.share(kHead) > 0.3) {
    return "The head is the largest cost, as with a large vocabulary and few layers: more requests a step share it.";
  }
  if (shares.share(kAttention) > shares.share(kFfn)) {
    return "Attention is the largest cost. With long contexts more DP groups split it (--dp-size, with "
           "--enable-dp-attention); with short ones its weights are: more requests a step, or fewer groups.";
  }
  return "The feed-forward layers are the largest cost, as they should be: more requests a step share their weights "
         "(--max-running-requests); a mixture with many experts may gain from --moe-parallel ep.";
}

std::string profile_table(const PhaseShares& shares) {
  std::array<size_t, kNumTracePhases> order{};
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return shares.seconds[a] > shares.seconds[b]; });
  std::string table = fmt::format("{:<10} {:>10} {:>7} {:>12}\n", "phase", "seconds", "share", "ms a step");
  const double steps = static_cast<double>(std::max<int64_t>(1, shares.num_steps));
  for (const size_t phase : order) {
    if (shares.seconds[phase] <= 0) continue;
    fmt::format_to(std::back_inserter(table), "{:<10} {:>10.3f} {:>6.1f}% {:>12.3f}\n",
                   trace_phase_name(static_cast<TracePhase>(phase)), shares.seconds[phase],
                   100 * shares.share(static_cast<TracePhase>(phase)), 1000 * shares.seconds[phase] / steps);
  }
  fmt::format_to(std::back_inserter(table), "{} steps, seconds summed over the ranks.\n", shares.num_steps);
  return table;
}

// A process, its clock, and what is missing of it.
std::string process_line(const ProfiledProcess& process) {
  const std::string clock = process.clock_error_s > 0
                                ? fmt::format("its clock is {:.3f} ms ahead of the front's, +- {:.3f} ms",
                                              1e3 * process.clock_ahead_s, 1e3 * process.clock_error_s)
                                : "it has the front's clock";
  const std::string missing = process.missing.empty() ? "" : "; its last spans are missing: " + process.missing;
  return fmt::format("{} ({}): {}{}\n", process_name(process), rank_numbers(process), clock, missing);
}

std::string suggestion_of(const ProfileFindings& found) {
  constexpr double kMuch = 0.05;  // of a step, lost by the ranks that wait for one
  const auto& [shares, waits] = found;
  if (shares.total_s <= 0) return "Nothing was recorded: was there a request?";
  const std::string waited = waits ? waits_text(*waits) : "";
  if (shares.share(TracePhase::kIdle) > 0.5) {
    return "The ranks slept most of the time: more requests at once would fill them." + (waits ? " " + waited : "");
  }
  if (!waits) return general_suggestion(shares);
  if (waits->lost_s + waits->transfer_s > kMuch * waits->steps_s) return waited;
  return general_suggestion(shares) + " " + waited;
}

std::string summary_of(const Profile& profile, const ProfileFindings& found) {
  std::string summary = profile_table(found.shares);
  for (const ProfiledProcess& process : profile.processes) {
    const bool is_alone = profile.processes.size() == 1 && process.clock_error_s == 0 && process.missing.empty();
    if (!is_alone) summary += process_line(process);
  }
  return summary + suggestion_of(found) + "\n";
}

Json other_data(const Profile& profile) {
  const ProfileFindings found(profile);
  const auto& [shares, waits] = found;
  Json data = {{"num_steps", shares.num_steps}, {"suggestion", suggestion_of(found)}};
  for (int phase = 0; phase < kNumTracePhases; ++phase) {
    const auto which = static_cast<TracePhase>(phase);
    data[std::string(trace_phase_name(which))] = shares.share(which);
  }
  data["waited_for"] = waits ? waits_data(*waits) : Json();
  data["processes"] = Json::array();
  for (size_t i = 0; i < profile.processes.size(); ++i)
    data["processes"].push_back(process_data(profile.processes[i], i));
  data["summary"] = summary_of(profile, found);
  return data;
}

}  // namespace

std::string chrome_trace(const Profile& profile) {
  const double origin_s = first_begin(profile);
  const OperationWaits waits(profile);
  std::string json = R"({"displayTimeUnit":"ms","traceEvents":[)";
  for (size_t i = 0; i < profile.processes.size(); ++i) append_process(json, profile.processes[i], i, origin_s, waits);
  json += "\n],\n\"otherData\":" + other_data(profile).dump(-1, ' ', false, Json::error_handler_t::replace) + "}\n";
  return json;
}

PhaseShares phase_shares(const Profile& profile) {
  PhaseShares shares;
  for (const ProfiledProcess& process : profile.processes) {
    for (const ProfiledRank& rank : process.ranks) {
      std::set<uint64_t> steps;
      for (const TraceSpan& span : rank.spans) {
        if (span.phase == TracePhase::kOperation) continue;  // within other phases
        const double seconds = span.end_s - span.begin_s;
        shares.seconds[static_cast<size_t>(span.phase)] += seconds;
        shares.total_s += seconds;
        if (span.phase == TracePhase::kFfn) steps.insert(span.step);
      }
      shares.num_steps = std::max(shares.num_steps, static_cast<int64_t>(steps.size()));
    }
  }
  return shares;
}

std::string profile_suggestion(const Profile& profile) {
  return suggestion_of(ProfileFindings(profile));
}

std::string profile_summary(const Profile& profile) {
  return summary_of(profile, ProfileFindings(profile));
}

}  // namespace braid
