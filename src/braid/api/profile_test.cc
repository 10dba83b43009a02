#include "braid/api/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace braid {
namespace {

using enum TracePhase;

Profile two_ranks() {
  return {.ranks = {{{.phase = kAttention, .step = 1, .begin_s = 10, .end_s = 10.001},
                     {.phase = kFfn, .step = 1, .begin_s = 10.001, .end_s = 10.004},
                     {.phase = kFfn, .step = 2, .begin_s = 10.004, .end_s = 10.006}},
                    {{.phase = kIdle, .step = 1, .begin_s = 10.002, .end_s = 10.004}}},
          .names = {"rank 0 (group 0)", "rank 1 (group 1)"}};
}

TEST(ChromeTrace, HasARowForEachRankAndTimesSinceTheFirstPhase) {
  const auto events = nlohmann::json::parse(chrome_trace(two_ranks())).at("traceEvents");
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[0].at("args").at("name"), "rank 0 (group 0)");
  EXPECT_EQ(events[1].at("name"), "attention");
  EXPECT_EQ(events[1].at("ts"), 0);
  EXPECT_EQ(events[1].at("dur"), 1000);
  EXPECT_EQ(events[5].at("tid"), 1);
  EXPECT_EQ(events[5].at("ts"), 2000);
  EXPECT_EQ(events[5].at("args").at("step"), 1);
  const auto other = nlohmann::json::parse(chrome_trace(two_ranks())).at("otherData");
  EXPECT_EQ(other.at("num_steps"), 2);
  EXPECT_EQ(other.at("ffn"), 0.625);
  EXPECT_FALSE(other.at("suggestion").get<std::string>().empty());
}

TEST(ChromeTrace, IsValidWithoutRanks) {
  EXPECT_TRUE(nlohmann::json::parse(chrome_trace({})).at("traceEvents").empty());
}

TEST(PhaseShares, AddUpOverRanks) {
  const PhaseShares shares = phase_shares(two_ranks());
  EXPECT_NEAR(shares.total_s, 0.008, 1e-9);
  EXPECT_NEAR(shares.share(kFfn), 5.0 / 8, 1e-6);
  EXPECT_EQ(shares.num_steps, 2);
  const std::string table = profile_table(shares);
  EXPECT_LT(table.find("ffn"), table.find("idle"));
  EXPECT_EQ(table.find("plan "), std::string::npos);
}

TEST(ProfileSuggestion, NamesTheLargestCost) {
  const auto suggestion = [](TracePhase large) {
    PhaseShares shares;
    shares.seconds.fill(0.05);
    shares.seconds[static_cast<size_t>(large)] = 10;
    for (const double seconds : shares.seconds) shares.total_s += seconds;
    return profile_suggestion(shares);
  };
  EXPECT_NE(suggestion(kIdle).find("slept"), std::string::npos);
  EXPECT_NE(suggestion(kGather).find("--load-balance-method"), std::string::npos);
  EXPECT_NE(suggestion(kAttention).find("--dp-size"), std::string::npos);
  EXPECT_NE(suggestion(kFfn).find("feed-forward"), std::string::npos);
  EXPECT_NE(suggestion(kSample).find("sampling"), std::string::npos);
  EXPECT_NE(suggestion(kHead).find("head"), std::string::npos);
  EXPECT_NE(profile_suggestion({}).find("Nothing"), std::string::npos);
}

}  // namespace
}  // namespace braid
