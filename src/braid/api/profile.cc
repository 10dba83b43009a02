#include "braid/api/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

namespace braid {
namespace {

double first_begin(const Profile& profile) {
  double first_s = std::numeric_limits<double>::infinity();
  for (const auto& spans : profile.ranks) {
    for (const TraceSpan& span : spans) first_s = std::min(first_s, span.begin_s);
  }
  return first_s;
}

// Names come from ranks and phases, never from users, so nothing needs escaping.
void append_event(std::string& json, const std::string& event) {
  json += json.back() == '[' ? "\n" : ",\n";
  json += event;
}

}  // namespace

std::string chrome_trace(const Profile& profile) {
  const double origin_s = first_begin(profile);
  std::string json = R"({"displayTimeUnit":"ms","traceEvents":[)";
  for (size_t rank = 0; rank < profile.ranks.size(); ++rank) {
    append_event(json, fmt::format(R"({{"name":"thread_name","ph":"M","pid":0,"tid":{},"args":{{"name":"{}"}}}})", rank,
                                   profile.names.at(rank)));
    for (const TraceSpan& span : profile.ranks[rank]) {
      append_event(json, fmt::format(R"({{"name":"{}","ph":"X","pid":0,"tid":{},"ts":{:.3f},"dur":{:.3f},)"
                                     R"("args":{{"step":{}}}}})",
                                     trace_phase_name(span.phase), rank, (span.begin_s - origin_s) * 1e6,
                                     (span.end_s - span.begin_s) * 1e6, span.step));
    }
  }
  const PhaseShares shares = phase_shares(profile);
  json += fmt::format("\n],\n\"otherData\":{{\"num_steps\":{},\"suggestion\":\"{}\"", shares.num_steps,
                      profile_suggestion(shares));
  for (int phase = 0; phase < kNumTracePhases; ++phase) {
    const auto which = static_cast<TracePhase>(phase);
    json += fmt::format(",\"{}\":{:.4f}", trace_phase_name(which), shares.share(which));
  }
  json += "}}\n";
  return json;
}

PhaseShares phase_shares(const Profile& profile) {
  PhaseShares shares;
  for (const auto& spans : profile.ranks) {
    std::set<uint64_t> steps;
    for (const TraceSpan& span : spans) {
      const double seconds = span.end_s - span.begin_s;
      shares.seconds[static_cast<size_t>(span.phase)] += seconds;
      shares.total_s += seconds;
      if (span.phase == TracePhase::kFfn) steps.insert(span.step);
    }
    shares.num_steps = std::max(shares.num_steps, static_cast<int64_t>(steps.size()));
  }
  return shares;
}

std::string profile_suggestion(const PhaseShares& shares) {
  using enum TracePhase;
  if (shares.total_s <= 0) return "Nothing was recorded: was there a request?";
  const double waiting = shares.share(kWait) + shares.share(kGather) + shares.share(kScatter) + shares.share(kHeader);
  const double deciding = shares.share(kPlan) + shares.share(kSample) + shares.share(kCommit);
  if (shares.share(kIdle) > 0.5) return "The ranks slept most of the time: more requests at once would fill them.";
  if (waiting > 0.15) {
    return "Ranks wait for each other where rows are exchanged. If groups have unequal loads try "
           "--prefill-alignment or --load-balance-method measured_time; if there are more compute threads than cores, "
           "fewer ranks or --threads-per-rank.";
  }
  if (deciding > 0.15) {
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
  fmt::format_to(std::back_inserter(table), "{} steps, seconds summed over the ranks. {}\n", shares.num_steps,
                 profile_suggestion(shares));
  return table;
}

}  // namespace braid
