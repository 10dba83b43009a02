#include "braid/node/elastic_nodes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace braid {
namespace {

using Nodes = std::vector<bool>;

constexpr double kAfter_s = 10;
const Nodes kAll{true, true, true};
const Nodes kHeard{false, false, false};

// A world on three nodes that runs since second 0.
class ElasticNodesTest : public ::testing::Test {
 protected:
  ElasticNodesTest() : nodes_(kAll, kAfter_s) {
    nodes_.come(1, -2);
    nodes_.come(2, -1);
    start(-1);
    nodes_.run(0);
  }

  Nodes plan(double now_s) const { return nodes_.plan(now_s, kHeard).nodes; }
  void start(double now_s) { nodes_.start(plan(now_s)); }

  ElasticNodes nodes_;
};

TEST(ElasticNodes, TheFirstStartNeedsAllNodesHoweverLongThatTakes) {
  ElasticNodes nodes({true, true, false}, kAfter_s);
  const ElasticNodes::Plan plan = nodes.plan(1000, kHeard);
  EXPECT_TRUE(plan.nodes.empty());
  EXPECT_EQ(plan.awaited, std::vector<int32_t>{1}) << "node 2 has no ranks";
  EXPECT_TRUE(std::isinf(plan.until_s));
  nodes.come(1, 1001);
  EXPECT_EQ(nodes.plan(1001, kHeard).nodes, (Nodes{true, true, false}));
  nodes.start({true, true, false});
  EXPECT_FALSE(nodes.is_smaller());
  EXPECT_FALSE(nodes.fail_start(1002, kHeard)) << "nothing has run yet: the set-up fails";
}

TEST_F(ElasticNodesTest, ANodeThatIsGoneIsWaitedForAndThenLeftOut) {
  nodes_.go(2, false, 100);
  EXPECT_EQ(nodes_.plan(109.9, kHeard).awaited, std::vector<int32_t>{2});
  EXPECT_EQ(nodes_.plan(109.9, kHeard).until_s, 110);
  EXPECT_EQ(plan(110), (Nodes{true, true, false}));
  start(110);
  EXPECT_EQ(nodes_.left_out(), std::vector<int32_t>{2});
}

TEST_F(ElasticNodesTest, OneThatIsBackInTimeIsTakenAtOnce) {
  nodes_.go(2, false, 100);
  nodes_.come(2, 104);
  EXPECT_EQ(plan(104), kAll);
}

TEST_F(ElasticNodesTest, OneThatHasSaidThatItLeavesIsNotWaitedFor) {
  nodes_.go(1, true, 100);
  EXPECT_EQ(plan(100), (Nodes{true, false, true}));
}

TEST_F(ElasticNodesTest, NodesLostOneAfterTheOtherAreEachWaitedFor) {
  nodes_.go(1, false, 100);
  start(110);
  nodes_.run(111);
  nodes_.go(2, false, 200);
  EXPECT_EQ(nodes_.plan(201, kHeard).awaited, std::vector<int32_t>{2}) << "node 1 is not waited for again";
  EXPECT_EQ(plan(210), (Nodes{true, false, false}));
}

TEST_F(ElasticNodesTest, AQuietNodeIsNotStartedOn) {
  EXPECT_TRUE(nodes_.plan(100, {false, true, false}).nodes.empty());
  EXPECT_EQ(nodes_.plan(100, {false, true, false}).awaited, std::vector<int32_t>{1});
  EXPECT_TRUE(nodes_.fail_start(100, {false, true, false})) << "it may be gone";
}

TEST_F(ElasticNodesTest, ANodeThatReturnsIsTakenBackOnceItHasStayed) {
  nodes_.go(2, true, 100);
  start(100);
  nodes_.run(101);
  nodes_.come(2, 200);
  EXPECT_TRUE(nodes_.due_back(201.9).empty());
  EXPECT_EQ(nodes_.due_back(202), std::vector<int32_t>{2});
  EXPECT_EQ(plan(202), kAll);
  start(202);
  EXPECT_TRUE(nodes_.due_back(300).empty());
}

TEST_F(ElasticNodesTest, ANodeThatReturnsWhileTheSmallerWorldStartsIsTakenBackOnceThatRuns) {
  nodes_.go(2, true, 100);
  start(100);
  nodes_.come(2, 100.5);
  nodes_.run(103);
  EXPECT_EQ(nodes_.due_back(103), std::vector<int32_t>{2});
}

TEST_F(ElasticNodesTest, ANodeThatComesAndGoesIsTakenBackLaterAndLater) {
  double now_s = 100;
  for (const double delay_s : {0.0, 5.0, 10.0, 20.0}) {
    nodes_.go(1, true, now_s);
    start(now_s);
    EXPECT_TRUE(nodes_.is_smaller());
    nodes_.run(now_s + 1);
    nodes_.come(1, now_s + 2);
    EXPECT_EQ(nodes_.due_back_s(1), now_s + 2 + std::max(delay_s, ElasticNodes::kReturn_s));
    now_s = nodes_.due_back_s(1);
    start(now_s);
    EXPECT_FALSE(nodes_.is_smaller());
    nodes_.run(now_s + 1);
    now_s += 10;
  }
  now_s += ElasticNodes::kCalm_s;
  nodes_.go(1, true, now_s);
  start(now_s);
  nodes_.run(now_s + 1);
  nodes_.come(1, now_s + 2);
  EXPECT_EQ(nodes_.due_back_s(1), now_s + 2 + ElasticNodes::kReturn_s) << "it was steady for a while";
}

TEST_F(ElasticNodesTest, AWorldThatDoesNotStartWithANodeThatCameGoesOnWithoutIt) {
  nodes_.go(1, true, 100);
  start(100);
  nodes_.run(101);
  nodes_.come(1, 110);
  start(112);
  EXPECT_TRUE(nodes_.fail_start(113, kHeard));
  EXPECT_EQ(plan(113), (Nodes{true, false, true})) << "at once";
  start(113);
  nodes_.run(114);
  EXPECT_TRUE(nodes_.due_back(117.9).empty());
  EXPECT_EQ(nodes_.due_back(118), std::vector<int32_t>{1});
  start(118);
  EXPECT_TRUE(nodes_.fail_start(119, kHeard)) << "again: the smaller world has run since, but never with this node";
  EXPECT_EQ(plan(119), (Nodes{true, false, true}));
}

TEST_F(ElasticNodesTest, ASmallerWorldThatDoesNotStartIsTriedAgainEverMoreSeldom) {
  nodes_.go(1, true, 100);
  double now_s = 100;
  for (const double retry_s : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0}) {
    start(now_s);
    EXPECT_TRUE(nodes_.fail_start(now_s, kHeard));
    EXPECT_TRUE(plan(now_s + retry_s - 0.1).empty());
    now_s += retry_s;
    EXPECT_EQ(plan(now_s), (Nodes{true, false, true}));
  }
  start(now_s);
  EXPECT_TRUE(nodes_.fail_start(now_s, kHeard));
  nodes_.come(1, now_s + 1);
  EXPECT_EQ(plan(now_s + 1), kAll) << "the node that was missing is back";
}

TEST_F(ElasticNodesTest, ANodeLostWhileTheSmallerWorldStartsIsWaitedForToo) {
  nodes_.go(1, false, 100);
  start(110);
  nodes_.go(2, false, 111);
  EXPECT_TRUE(nodes_.fail_start(111.5, kHeard));
  EXPECT_EQ(nodes_.plan(112, kHeard).awaited, std::vector<int32_t>{2});
  EXPECT_EQ(plan(121), (Nodes{true, false, false}));
}

TEST_F(ElasticNodesTest, AWholeWorldThatDoesNotStartOnNodesThatAreThereIsNoMatterOfNodes) {
  start(100);
  EXPECT_FALSE(nodes_.fail_start(101, kHeard));
}

}  // namespace
}  // namespace braid
