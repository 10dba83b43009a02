#include "braid/node/node_problem.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

const NodeHello kHello{.node = 1, .num_nodes = 2, .host = "b", .identity = "braid 1, checkpoint 2"};

TEST(NodeProblem, ANodeThatFitsHasNone) {
  EXPECT_EQ(node_problem(kHello, 2, kHello.identity), "");
}

TEST(NodeProblem, BothSidesAreSaid) {
  EXPECT_EQ(node_problem(kHello, 3, kHello.identity), "node 1 on b is for 2 nodes (--nnodes), node 0 for 3");
  EXPECT_EQ(node_problem(kHello, 2, "braid 1, checkpoint 3"),
            "node 1 on b has \"braid 1, checkpoint 2\", node 0 has \"braid 1, checkpoint 3\"");
}

}  // namespace
}  // namespace braid
