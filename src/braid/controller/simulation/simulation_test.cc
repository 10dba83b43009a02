// Ten thousand histories of controller, publishers, ranks and links, and seeded bugs that they must find.
// BRAID_TEST_SEED=n replays one history and prints what happens in it.
#include "braid/controller/simulation/simulation.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>

#include "tests/support/sanitizer.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

class SimulationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { simulated_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { simulated_tokenizer_ = nullptr; }

  static SimulationReport simulate(SimulationOptions options) {
    return Simulation(*simulated_tokenizer_, std::move(options)).run();
  }
  static std::string told(const SimulationReport& report) {
    if (!report.finding) return {};
    return fmt::format("{}: {} ({} us; {})", simulated_property_name(report.finding->property), report.finding->what,
                       report.finding->time_us, report.scenario);
  }
  // The seeds in [1, num_seeds] whose history breaks this property first.
  static std::set<uint64_t> found_by(SeededBug bug, SimulatedProperty property, uint64_t num_seeds) {
    std::set<uint64_t> seeds;
    for (uint64_t seed = 1; seed <= num_seeds; ++seed) {
      const SimulationReport report = simulate({.seed = seed, .bug = bug});
      if (report.finding && report.finding->property == property) seeds.insert(seed);
    }
    return seeds;
  }

  static std::unique_ptr<Tokenizer> simulated_tokenizer_;
};
std::unique_ptr<Tokenizer> SimulationTest::simulated_tokenizer_;

// Each runs a part of the seeds, so that parts run in parallel.
class SimulatedSeeds : public SimulationTest, public ::testing::WithParamInterface<uint64_t> {};

// A history runs in one thread, so ThreadSanitizer has little to check.
constexpr uint64_t kSeedsAPart = testing::kUnderThreadSanitizer ? 50 : testing::kUnderAddressSanitizer ? 500 : 2500;

TEST_P(SimulatedSeeds, EveryHistoryHoldsEveryProperty) {
  if (const char* const chosen = std::getenv("BRAID_TEST_SEED")) {
    const SimulationReport report = simulate(
        {.seed = std::stoull(chosen), .trace = [](const std::string& line) { std::printf("%s\n", line.c_str()); }});
    EXPECT_FALSE(report.finding.has_value()) << told(report);
    return;
  }
  int64_t num_failed_worlds = 0;
  int64_t num_gone_on = 0;
  int64_t num_restarts = 0;
  int64_t num_tokens = 0;
  int64_t num_moves = 0;
  int64_t num_recomputed = 0;
  int64_t num_copies = 0;
  for (uint64_t seed = GetParam() * kSeedsAPart + 1; seed <= (GetParam() + 1) * kSeedsAPart; ++seed) {
    const SimulationReport report = simulate({.seed = seed});
    ASSERT_FALSE(report.finding.has_value()) << "BRAID_TEST_SEED=" << seed << ": " << told(report);
    num_failed_worlds += report.has_failed ? 1 : 0;
    num_gone_on += report.goes_on ? 1 : 0;
    num_restarts += report.num_restarts;
    num_tokens += report.num_tokens;
    num_moves += report.num_moves;
    num_recomputed += report.num_recomputed;
    num_copies += report.num_copies;
  }
  EXPECT_GT(num_failed_worlds, static_cast<int64_t>(kSeedsAPart / 20)) << "faults are among them";
  EXPECT_GT(num_gone_on, static_cast<int64_t>(kSeedsAPart / 50)) << "replicas are lost while others are left";
  EXPECT_GT(num_restarts, static_cast<int64_t>(kSeedsAPart / 20)) << "worlds start again";
  EXPECT_GT(num_tokens, static_cast<int64_t>(kSeedsAPart * 20));
  if (testing::kUnderSanitizer) return;  // these are rare
  EXPECT_GT(num_moves, static_cast<int64_t>(kSeedsAPart / 8));
  EXPECT_GT(num_copies, static_cast<int64_t>(kSeedsAPart / 20)) << "groups copy prefixes";
  EXPECT_GT(num_recomputed, 0) << "some waited for pages when they left";
}
INSTANTIATE_TEST_SUITE_P(All, SimulatedSeeds, ::testing::Range<uint64_t>(0, 4));

TEST_F(SimulationTest, EqualSeedsMakeEqualHistories) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    std::string first;
    std::string second;
    const auto one = simulate({.seed = seed, .trace = [&](const std::string& line) { first += line + "\n"; }});
    const auto two = simulate({.seed = seed, .trace = [&](const std::string& line) { second += line + "\n"; }});
    EXPECT_EQ(first, second);
    EXPECT_EQ(one.num_events, two.num_events);
    EXPECT_FALSE(first.empty());
  }
}

struct BugCase {
  std::string name;
  SeededBug bug;
  SimulatedProperty property;
};
void PrintTo(const BugCase& tested, std::ostream* out) {
  *out << tested.name;
}
class SimulatedBugs : public SimulationTest, public ::testing::WithParamInterface<BugCase> {};

TEST_P(SimulatedBugs, AreFoundByTheirProperty) {
  const auto seeds = found_by(GetParam().bug, GetParam().property, 300);
  ASSERT_FALSE(seeds.empty());
  const SimulationReport again = simulate({.seed = *seeds.begin(), .bug = GetParam().bug});
  EXPECT_EQ(again.finding->property, GetParam().property) << "and a replay finds it again";
  EXPECT_FALSE(simulate({.seed = *seeds.begin()}).finding.has_value()) << "without the bug there is nothing";
}
INSTANTIATE_TEST_SUITE_P(
    All, SimulatedBugs,
    ::testing::Values(BugCase{"outputs_twice", SeededBug::kOutputsArriveTwice, SimulatedProperty::kAnsweredOnce},
                      BugCase{"outputs_lost", SeededBug::kOutputsAreLost, SimulatedProperty::kAnsweredOnce},
                      BugCase{"idle_ranks_away", SeededBug::kIdleRanksStayAway, SimulatedProperty::kSameCollectives},
                      BugCase{"count_read_late", SeededBug::kCountIsReadLate, SimulatedProperty::kNothingWaits},
                      BugCase{"dispatch_forgotten", SeededBug::kDispatchForgotten, SimulatedProperty::kNoGroupStarves},
                      BugCase{"credits_leak", SeededBug::kCreditsLeak, SimulatedProperty::kAllComesBack},
                      BugCase{"pages_leave_late", SeededBug::kPagesLeaveLate, SimulatedProperty::kAnsweredOnce},
                      BugCase{"pages_mixed_up", SeededBug::kPagesAreMixedUp, SimulatedProperty::kAnsweredOnce},
                      BugCase{"source_goes_on", SeededBug::kSourceGoesOn, SimulatedProperty::kAnsweredOnce},
                      BugCase{"restart_not_told", SeededBug::kRestartIsNotTold, SimulatedProperty::kNothingWaits},
                      BugCase{"holds_not_counted", SeededBug::kHoldsAreNotCounted, SimulatedProperty::kNoGroupStarves}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace braid
