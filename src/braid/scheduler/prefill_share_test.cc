#include "braid/scheduler/prefill_share.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace braid {
namespace {

using Prefills = std::vector<PrefillShare::Prefill>;
using Tokens = std::vector<int64_t>;

constexpr int32_t kPositions = 16'384;

TEST(PrefillShare, ShortOnesBehindALongOneGetTheirTokensShortestFirst) {
  PrefillShare share(64, 10, kPositions);
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 1000}, {.num_uncomputed = 30}, {.num_uncomputed = 10}}),
            (Tokens{0, 22, 10}))
      << "half a chunk is saved up at the start";
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 968}, {.num_uncomputed = 8}}), (Tokens{0, 0}));
}

TEST(PrefillShare, TokensInTurnPayForThoseAhead) {
  PrefillShare share(64, 10, kPositions);
  const Prefills prefills{{.num_uncomputed = 100'000}, {.num_uncomputed = 5'000}};
  EXPECT_EQ(share.set_aside(prefills), (Tokens{0, 32}));
  share.earn(0, 32);
  EXPECT_EQ(share.set_aside(prefills), (Tokens{0, 3}));
  share.earn(0, 61);
  EXPECT_EQ(share.set_aside(prefills), (Tokens{0, 6})) << "two were left over";
  for (int i = 0; i < 100; ++i) share.earn(0, 64);
  EXPECT_EQ(share.set_aside(prefills), (Tokens{0, 32})) << "no more is saved up";
}

TEST(PrefillShare, AttentionToALongContextIsWorkToo) {
  PrefillShare share(64, 10, kPositions);
  const Prefills prefills{{.num_uncomputed = 100'000}, {.num_uncomputed = 5'000}};
  (void)share.set_aside(prefills);
  share.earn(3 * kPositions, 50);
  EXPECT_EQ(share.set_aside(prefills), (Tokens{0, 20}));
}

TEST(PrefillShare, WhatTheStepCompletesInTurnNeedsNoShare) {
  PrefillShare share(64, 10, kPositions);
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 50}, {.num_uncomputed = 14}}), (Tokens{0, 0}));
  EXPECT_EQ(share.set_aside(Prefills{}), Tokens());
  // The first is completed, and the second keeps one of the 14 tokens left.
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 50}, {.num_uncomputed = 200}, {.num_uncomputed = 20}}),
            (Tokens{0, 0, 13}));
}

TEST(PrefillShare, OnlyShorterOnesOfTheSamePriorityThatMayGoAhead) {
  PrefillShare share(64, 10, kPositions);
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 100},
                                     {.num_uncomputed = 100},
                                     {.num_uncomputed = 5, .may_overtake = false},
                                     {.num_uncomputed = 6},
                                     {.priority = -1, .num_uncomputed = 7}}),
            (Tokens{0, 0, 0, 6, 0}));
}

TEST(PrefillShare, WithoutAPriceNothingGoesAhead) {
  PrefillShare share(64, 0, kPositions);
  share.earn(0, 1000);
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 1000}, {.num_uncomputed = 1}}), (Tokens{0, 0}));
}

TEST(PrefillShare, AChunkOfOneTokenGoesInTurn) {
  PrefillShare share(1, 10, kPositions);
  share.earn(0, 1000);
  EXPECT_EQ(share.set_aside(Prefills{{.num_uncomputed = 1000}, {.num_uncomputed = 1}}), (Tokens{0, 0}));
}

TEST(PrefillShare, ALongOneIsDelayedByOneInThePriceOfItsWorkAndHalfAChunkAtMost) {
  std::mt19937 random(7);
  for (const int64_t chunk : {8, 64, 512}) {
    PrefillShare share(static_cast<int32_t>(chunk), 12, kPositions);
    int64_t left = 60'000;
    int64_t num_ahead = 0;
    constexpr int64_t kWork = 60'000 + 60'000LL * 30'000 / kPositions;
    while (left > 0) {  // beside more short ones than there is room for
      Prefills prefills{{.num_uncomputed = left}};
      for (int i = 0; i < 40; ++i) prefills.push_back({.num_uncomputed = 1 + static_cast<int64_t>(random() % 300)});
      const Tokens tokens = share.set_aside(prefills);
      const int64_t ahead = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
      ASSERT_LT(ahead, std::max<int64_t>(chunk, 2));
      num_ahead += ahead;
      share.earn(60'000 - left, chunk - ahead);
      left -= chunk - ahead;
    }
    EXPECT_LE(num_ahead, kWork / 12 + chunk);
    EXPECT_GE(num_ahead, kWork / 13 - chunk) << "and they do get it";
  }
}

}  // namespace
}  // namespace braid
