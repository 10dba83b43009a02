// The decision itself, and the parking rule in every interleaving of two ranks and a submitter.
#include "braid/worker/step_protocol.h"

#include <gtest/gtest.h>

#include <array>
#include <compare>
#include <set>
#include <string>
#include <utility>

namespace braid {
namespace {

using Kind = StepDecision::Kind;

TEST(StepProtocol, AllExecuteIfAnyGroupHasTokens) {
  const StepHeader headers[] = {{.round = 4, .work_count = 2}, {.round = 4, .work_count = 1, .num_tokens = 3}};
  EXPECT_EQ(decide_step(headers).kind, Kind::kExecute);
}

TEST(StepProtocol, AllExecuteIfPagesMoveThoughNoGroupHasTokens) {
  const StepHeader headers[] = {{.round = 4, .work_count = 1}, {.round = 4, .work_count = 1, .moves_pages = true}};
  EXPECT_EQ(decide_step(headers).kind, Kind::kExecute);
}

TEST(StepProtocol, IdleRanksParkIfTheyReadTheSameCountAndElseRepeat) {
  StepHeader headers[] = {{.round = 4, .work_count = 2}, {.round = 4, .work_count = 2}};
  EXPECT_EQ(decide_step(headers), (StepDecision{.kind = Kind::kPark, .work_count = 2}));
  headers[1].work_count = 3;
  EXPECT_EQ(decide_step(headers).kind, Kind::kAgain);
}

TEST(StepProtocol, IdleRanksRepeatWhileImagesTravelOrAreSettled) {
  StepHeader headers[] = {{.round = 4, .image_bytes = 8}, {.round = 4}};
  EXPECT_EQ(decide_step(headers).kind, Kind::kAgain);
  headers[0].image_bytes = 0;
  headers[1].has_image_news = true;
  EXPECT_EQ(decide_step(headers).kind, Kind::kAgain);
}

TEST(StepProtocol, AStopAFailureOrADifferentRoundEndsTheWorld) {
  StepHeader headers[] = {{.round = 4, .num_tokens = 9}, {.round = 4, .must_stop = true}, {.round = 4}};
  EXPECT_EQ(decide_step(headers), (StepDecision{.kind = Kind::kEnd}));
  headers[2].has_failed = true;
  EXPECT_EQ(decide_step(headers), (StepDecision{.kind = Kind::kEnd, .failed_ranks = {2}}));
  headers[2] = {.round = 5};
  EXPECT_EQ(decide_step(headers), (StepDecision{.kind = Kind::kEnd, .failed_ranks = {0, 1, 2}}));
}

TEST(PrefillAlignment, NoGroupHoldsWithoutALimit) {
  const StepHeader headers[] = {{.num_tokens = 3}, {.num_tokens = 3}};
  EXPECT_TRUE(may_begin_prefills(headers, 0));
}

TEST(PrefillAlignment, AllBeginWhenAllHaveOneOrOneHasWaitedLongEnough) {
  StepHeader headers[] = {{.num_tokens = 3, .held_steps = 1}, {.num_tokens = 2}, {.num_tokens = 4}};
  EXPECT_FALSE(may_begin_prefills(headers, 5));
  headers[1].held_steps = 1;
  EXPECT_FALSE(may_begin_prefills(headers, 5));
  headers[2].held_steps = 4;
  EXPECT_TRUE(may_begin_prefills(headers, 5)) << "all have one";
  headers[1].held_steps = 0;
  EXPECT_FALSE(may_begin_prefills(headers, 5));
  headers[2].held_steps = 5;
  EXPECT_TRUE(may_begin_prefills(headers, 5)) << "the bound";
}

TEST(PrefillAlignment, NoGroupWaitsForIdleGroupsOrDuringAContinuingPrefill) {
  StepHeader headers[] = {{.num_tokens = 3, .held_steps = 1}, {}, {}};
  EXPECT_TRUE(may_begin_prefills(headers, 5));
  headers[1].num_tokens = 9;
  EXPECT_FALSE(may_begin_prefills(headers, 5));
  headers[1].prefill_goes_on = true;
  EXPECT_TRUE(may_begin_prefills(headers, 5));
}

// Two ranks, each the publisher of its own group, and a submitter that sends a request to each group. Tries every order
// of their atomic actions. `count_first`: a rank reads the work count before it looks for work, as it must. The other
// order is the mistake that the exploration must find.
class ParkingModel {
 public:
  explicit ParkingModel(bool count_first) : count_first_(count_first) {}

  // Visits all states. Returns what is wrong with the first bad one, or nothing.
  std::string explore() {
    visit(State{});
    return problem_;
  }
  size_t num_states() const { return seen_.size(); }

 private:
  enum Step : uint8_t { kFirstRead, kSecondRead, kExchange, kWaiting, kParked };
  struct RankState {
    Step at = kFirstRead;
    uint64_t work_count = 0;
    uint64_t parked_at = 0;
    int tokens = 0;  // planned, not executed yet

    auto operator<=>(const RankState&) const = default;
  };
  struct State {
    uint64_t work_count = 0;
    std::array<int, 2> inbox = {0, 0};
    std::array<RankState, 2> ranks;
    int submitter = 0;  // 2 g: next puts a request into group g's inbox; 2 g + 1: next raises the count
    int num_executed = 0;

    auto operator<=>(const State&) const = default;
  };

  void visit(const State& state) {
    if (!problem_.empty() || !seen_.insert(state).second) return;
    bool can_move = false;
    const auto next = [&](const State& moved) {
      can_move = true;
      visit(moved);
    };
    if (state.submitter < 4) {
      State moved = state;
      if (state.submitter % 2 == 0) ++moved.inbox[static_cast<size_t>(state.submitter / 2)];
      if (state.submitter % 2 == 1) ++moved.work_count;
      ++moved.submitter;
      next(moved);
    }
    for (size_t rank = 0; rank < 2; ++rank) {
      State moved = state;
      if (move(moved, rank)) next(moved);
    }
    const bool is_at_rest = state.ranks[0].at == kParked && state.ranks[1].at == kParked;
    if (!can_move && !is_at_rest) problem_ = "a rank is parked or done while the other waits for it";
    if (!can_move && is_at_rest && state.num_executed != 2) problem_ = "a request is left, and both ranks are parked";
  }

  // The rank's next atomic action; false: it cannot act.
  bool move(State& state, size_t rank) const {
    RankState& own = state.ranks[rank];
    const RankState& other = state.ranks[1 - rank];
    const auto read_count = [&] { own.work_count = state.work_count; };
    const auto take_inbox = [&] { own.tokens += std::exchange(state.inbox[rank], 0); };
    switch (own.at) {
      case kFirstRead:
        count_first_ ? read_count() : take_inbox();
        own.at = kSecondRead;
        return true;
      case kSecondRead:
        count_first_ ? take_inbox() : read_count();
        own.at = kExchange;
        return true;
      case kExchange:
        if (other.at == kWaiting) {
          decide(state);
        } else {
          own.at = kWaiting;
        }
        return true;
      case kWaiting:
        return false;
      case kParked:
        if (state.work_count == own.parked_at) return false;
        own.at = kFirstRead;
        return true;
    }
    return false;
  }

  static void decide(State& state) {
    std::array<StepHeader, 2> headers;
    for (size_t rank = 0; rank < 2; ++rank) {
      headers[rank] = {.work_count = state.ranks[rank].work_count, .num_tokens = state.ranks[rank].tokens};
    }
    const StepDecision decision = decide_step(headers);
    for (RankState& rank : state.ranks) {
      rank.at = decision.kind == Kind::kPark ? kParked : kFirstRead;
      rank.parked_at = decision.kind == Kind::kPark ? decision.work_count : 0;
      rank.work_count = 0;
      if (decision.kind == Kind::kExecute) state.num_executed += std::exchange(rank.tokens, 0);
    }
  }

  const bool count_first_;
  std::set<State> seen_;
  std::string problem_;
};

TEST(StepProtocol, NoInterleavingParksARankWhileAnotherWaitsOrARequestIsLeft) {
  ParkingModel model(true);
  EXPECT_EQ(model.explore(), "");
  EXPECT_GT(model.num_states(), 100U);
}

TEST(StepProtocol, ReadingTheCountAfterTheInboxWouldLoseARequest) {
  ParkingModel model(false);
  EXPECT_EQ(model.explore(), "a request is left, and both ranks are parked");
}

// Without the counts, each rank would decide by what it has seen itself: one would park while the other executes.
TEST(StepProtocol, HeadersOfDifferentCountsNeverPark) {
  for (const uint64_t other : {0U, 1U, 3U, 1000U}) {
    const StepHeader headers[] = {{.work_count = 2}, {.work_count = other}, {.work_count = 2}};
    EXPECT_EQ(decide_step(headers).kind, Kind::kAgain);
  }
}

}  // namespace
}  // namespace braid
