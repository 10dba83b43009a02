#include "braid/api/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "braid/parallel/transport.h"

namespace braid {
namespace {

using enum TracePhase;

Profile two_ranks() {
  return {.processes = {{.host = "h",
                         .pid = 7,
                         .ranks = {{.rank = 0,
                                    .spans = {{.phase = kAttention, .step = 1, .begin_s = 10, .end_s = 10.001},
                                              {.phase = kFfn, .step = 1, .begin_s = 10.001, .end_s = 10.004},
                                              {.phase = kFfn, .step = 2, .begin_s = 10.004, .end_s = 10.006}}},
                                   {.rank = 1,
                                    .group = 1,
                                    .spans = {{.phase = kIdle, .step = 1, .begin_s = 10.002, .end_s = 10.004}}}}}}};
}

// The same in two processes, the second on a host with an odd name, which was lost.
Profile two_processes() {
  Profile profile = two_ranks();
  ProfiledProcess second{.node = 1, .host = "b\"\n\xff", .pid = 8, .clock_ahead_s = -0.25, .clock_error_s = 0.0001};
  second.missing = "process 1 cannot be reached";
  second.ranks = {std::move(profile.processes[0].ranks[1])};
  profile.processes[0].ranks.pop_back();
  profile.processes.push_back(std::move(second));
  return profile;
}

TEST(ChromeTrace, HasARowForEachRankAndTimesSinceTheFirstPhase) {
  const auto events = nlohmann::json::parse(chrome_trace(two_ranks())).at("traceEvents");
  ASSERT_EQ(events.size(), 7U);
  EXPECT_EQ(events[0].at("args").at("name"), "node 0 on h, pid 7");
  EXPECT_EQ(events[1].at("args").at("name"), "rank 0 (group 0)");
  EXPECT_EQ(events[2].at("name"), "attention");
  EXPECT_EQ(events[2].at("ts"), 0);
  EXPECT_EQ(events[2].at("dur"), 1000);
  EXPECT_EQ(events[6].at("tid"), 1);
  EXPECT_EQ(events[6].at("ts"), 2000);
  EXPECT_EQ(events[6].at("args").at("step"), 1);
  const auto other = nlohmann::json::parse(chrome_trace(two_ranks())).at("otherData");
  EXPECT_EQ(other.at("num_steps"), 2);
  EXPECT_NEAR(other.at("ffn").get<double>(), 0.625, 1e-6);
  EXPECT_FALSE(other.at("suggestion").get<std::string>().empty());
  EXPECT_TRUE(other.at("waited_for").is_null());
}

// Rank 0 comes 3 ms before rank 1, whose clock says that it leaves before it.
TEST(ChromeTrace, OperationsAmongRanksHaveTheirHeadersAndWaits) {
  Profile profile = two_ranks();
  const auto op = [](double begin_s, double end_s, TracedOp header) {
    return TraceSpan{.phase = kOperation, .step = 2, .begin_s = begin_s, .end_s = end_s, .op = header};
  };
  const TracedOp gather{.bytes = 640, .number = 4, .kind = static_cast<uint8_t>(OpKind::kAllGatherV)};
  const TracedOp of_group{.number = 4, .kind = static_cast<uint8_t>(OpKind::kBarrier), .is_group = true};
  const TracedOp send{.bytes = 8, .kind = static_cast<uint8_t>(OpKind::kSend)};
  auto& ranks = profile.processes[0].ranks;
  const PhaseShares before = phase_shares(profile);
  for (const TraceSpan& span : {op(10.006, 10.010, gather), op(10.010, 10.011, of_group), op(10.011, 10.012, send)}) {
    ranks[0].spans.push_back(span);
  }
  ranks[1].spans.push_back(op(10.009, 10.0095, gather));
  const auto events = nlohmann::json::parse(chrome_trace(profile)).at("traceEvents");
  std::vector<nlohmann::json> found;
  std::set<std::string> rows;
  for (const auto& event : events) {
    if (event.at("name") == "thread_name") rows.insert(event.at("args").at("name").get<std::string>());
    if (event.at("ph") == "X" && event.at("args").contains("op")) found.push_back(event);
  }
  EXPECT_TRUE(rows.contains("rank 0: operations among ranks") && rows.contains("rank 1: operations among ranks"));
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].at("name"), "all_gather_v");
  EXPECT_EQ(found[0].at("args"),
            nlohmann::json({{"step", 2}, {"op", 4}, {"among", "world"}, {"bytes", 640}, {"wait_ms", 3.0}}));
  EXPECT_NE(found[0].at("tid"), 0) << "not among the phases, within which it lies";
  EXPECT_EQ(found[1].at("name"), "barrier");
  EXPECT_EQ(found[1].at("args").at("among"), "group");
  EXPECT_EQ(found[1].at("args").at("wait_ms"), 0) << "another operation than the world's of the same number";
  EXPECT_EQ(found[2].at("args").at("wait_ms"), 0) << "of two ranks";
  EXPECT_EQ(found[3].at("args").at("wait_ms"), 0) << "it was the last";
  EXPECT_EQ(phase_shares(profile).seconds, before.seconds) << "they are part of phases";
  EXPECT_EQ(phase_shares(profile).total_s, before.total_s);
}

TEST(ChromeTrace, HasAProcessForEachProcessWithItsClockAndWhatIsMissing) {
  const auto trace = nlohmann::json::parse(chrome_trace(two_processes()));
  std::set<int> pids;
  for (const auto& event : trace.at("traceEvents")) pids.insert(event.at("pid").get<int>());
  EXPECT_EQ(pids, (std::set{0, 1}));
  const auto& processes = trace.at("otherData").at("processes");
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].at("missing"), "");
  EXPECT_EQ(processes[1].at("node"), 1);
  EXPECT_EQ(processes[1].at("system_pid"), 8);
  EXPECT_EQ(processes[1].at("ranks"), nlohmann::json({1}));
  EXPECT_EQ(processes[1].at("clock_ahead_ms"), -250);
  EXPECT_NEAR(processes[1].at("clock_error_ms").get<double>(), 0.1, 1e-9);
  EXPECT_EQ(processes[1].at("missing"), "process 1 cannot be reached");
  const auto summary = trace.at("otherData").at("summary").get<std::string>();
  EXPECT_NE(summary.find("(rank 0): it has the front's clock\n"), std::string::npos) << summary;
  EXPECT_NE(summary.find("(rank 1): its clock is -250.000 ms ahead of the front's, +- 0.100 ms; its last spans are "
                         "missing: process 1 cannot be reached\n"),
            std::string::npos)
      << summary;
}

TEST(ChromeTrace, IsValidWithoutRanks) {
  EXPECT_TRUE(nlohmann::json::parse(chrome_trace({})).at("traceEvents").empty());
}

TEST(PhaseShares, AddUpOverRanks) {
  for (const Profile& profile : {two_ranks(), two_processes()}) {
    const PhaseShares shares = phase_shares(profile);
    EXPECT_NEAR(shares.total_s, 0.008, 1e-9);
    EXPECT_NEAR(shares.share(kFfn), 5.0 / 8, 1e-6);
    EXPECT_EQ(shares.num_steps, 2);
    const std::string summary = profile_summary(profile);
    EXPECT_LT(summary.find("ffn"), summary.find("idle"));
    EXPECT_EQ(summary.find("plan "), std::string::npos);
  }
  EXPECT_EQ(profile_summary(two_ranks()).find("clock"), std::string::npos) << "there is one process";
}

TEST(ProfileSuggestion, NamesTheLargestCost) {
  const auto suggestion = [](TracePhase large) {
    ProfiledRank rank;
    double time_s = 1;
    for (int i = 0; i < kNumTracePhases; ++i) {
      const auto phase = static_cast<TracePhase>(i);
      const double end_s = time_s + (phase == large ? 10 : 0.05);
      rank.spans.push_back({.phase = phase, .step = 1, .begin_s = time_s, .end_s = end_s});
      time_s = end_s;
    }
    return profile_suggestion({.processes = {{.ranks = {std::move(rank)}}}});
  };
  EXPECT_NE(suggestion(kIdle).find("slept"), std::string::npos);
  EXPECT_NE(suggestion(kAttention).find("--dp-size"), std::string::npos);
  EXPECT_NE(suggestion(kFfn).find("feed-forward"), std::string::npos);
  EXPECT_NE(suggestion(kSample).find("sampling"), std::string::npos);
  EXPECT_NE(suggestion(kHead).find("head"), std::string::npos);
  EXPECT_NE(profile_suggestion({}).find("Nothing"), std::string::npos);
}

}  // namespace
}  // namespace braid
