// What the flags of processes and nodes come to, and what is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "braid/cli/serve_flags.h"

namespace braid {
namespace {

const ParallelLayout kTwoGroups{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};

ServeFlags flags_of(const ProcessFlags& processes) {
  ServeFlags flags;
  flags.processes = processes;
  flags.arguments = {"--model-path", "m"};
  return flags;
}

ProcessOptions plan_of(const ProcessFlags& processes, const ParallelLayout& layout = kTwoGroups) {
  auto plan = plan_nodes(flags_of(processes), layout);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return plan.ok() ? *plan : ProcessOptions{};
}

std::string node_plan_error(const ProcessFlags& processes, const ParallelLayout& layout = kTwoGroups) {
  const auto plan = plan_nodes(flags_of(processes), layout);
  return plan.ok() ? "none" : plan.error().message;
}

TEST(NodePlan, WithoutFlagsAllRanksAreThreads) {
  const ProcessOptions plan = plan_of({});
  EXPECT_EQ(plan.node, 0);
  EXPECT_TRUE(plan.ranks_on_node.empty());
}

TEST(NodePlan, ProcessesOfOneNodeNeedNoKey) {
  const ProcessOptions plan = plan_of({.ranks_per_process = 1});
  EXPECT_EQ(plan.ranks_on_node, std::vector<int32_t>{2});
  EXPECT_EQ(plan.address, "");
  EXPECT_EQ(plan.arguments, (std::vector<std::string>{"--model-path", "m"}));
}

TEST(NodePlan, NodeRankAloneMeansANodeForEachGroup) {
  const ProcessOptions plan = plan_of({.node_rank = 1, .node_0_address = "10.0.0.1", .cluster_key_file = "k"});
  EXPECT_EQ(plan.node, 1);
  EXPECT_EQ(plan.ranks_on_node, (std::vector<int32_t>{1, 1}));
  EXPECT_EQ(plan.address, "10.0.0.1");
  EXPECT_EQ(plan.port, 29500);
}

TEST(NodePlan, SumsAreRoundedOnlyBetweenProcesses) {
  const auto error_of = [](const ProcessFlags& processes) {
    ServeFlags flags = flags_of(processes);
    flags.model.exchange_dtype = "bfloat16";
    const auto plan = plan_nodes(flags, kTwoGroups);
    return plan.ok() ? "none" : plan.error().message;
  };
  EXPECT_EQ(error_of({.ranks_per_process = 1}), "none");
  for (const int32_t ranks_per_process : {0, 2}) {
    EXPECT_EQ(error_of({.ranks_per_process = ranks_per_process}),
              "--exchange-dtype bfloat16 is for sums that travel between processes, and each model's ranks are in one: "
              "see --ranks-per-process and --nnodes");
  }
}

TEST(NodePlan, HalvesOverlapOnlyWhereRowsTravelBetweenGroupsOfOneRank) {
  const auto error_of = [](ServeFlags flags, const ParallelLayout& layout) {
    const auto plan = plan_nodes(flags, layout);
    return plan.ok() ? "none" : plan.error().message;
  };
  ServeFlags split = flags_of({.ranks_per_process = 1});
  split.model.enable_two_batch_overlap = true;
  EXPECT_EQ(error_of(split, {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}), "none");
  EXPECT_EQ(error_of(split, {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}),
            "--overlap-halves on is for DP groups of one rank, and these have 2: --dp-size 4 makes such groups");
  split.model.dp_padding = "sum_len";
  EXPECT_EQ(error_of(split, {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}),
            "--overlap-halves on and --dp-padding sum_len: an all-reduce cannot overlap, choose another mode");
  split.model.overlap_halves = "off";
  EXPECT_EQ(error_of(split, {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}),
            "--enable-two-batch-overlap and --overlap-halves off: say one of them");
  ServeFlags together = flags_of({});
  EXPECT_EQ(error_of(together, kTwoGroups), "none");
  together.model.overlap_halves = "on";
  EXPECT_EQ(error_of(together, kTwoGroups),
            "--overlap-halves on is for rows that travel between processes, and each model's ranks are in one: see "
            "--ranks-per-process and --nnodes");
}

TEST(NodePlan, AnAddressMayHaveItsPort) {
  const ProcessOptions plan = plan_of(
      {.num_nodes = 2, .node_rank = 0, .ranks_on_node = "1,1", .dist_init_addr = "h:7", .cluster_key_file = "k"});
  EXPECT_EQ(plan.address, "h");
  EXPECT_EQ(plan.port, 7);
}

TEST(NodePlan, ANodeThatStandsByNeedsAPlaceAndAJournal) {
  const auto error_of = [](int32_t num_nodes, int32_t standby, const std::string& address, const std::string& journal) {
    ServeFlags flags = flags_of({.num_nodes = num_nodes,
                                 .node_rank = 0,
                                 .node_0_address = "h",
                                 .cluster_key_file = "k",
                                 .standby = standby,
                                 .standby_address = address});
    flags.journal = journal;
    const auto plan = plan_nodes(flags, {.tp_size = 6, .dp_size = 6, .enable_dp_attention = true});
    return plan.ok() ? fmt::format("{}", plan->standby) : plan.error().message;
  };
  EXPECT_EQ(error_of(2, 1, "", "j"), "1");
  EXPECT_EQ(error_of(3, 2, "s", "j"), "2");
  EXPECT_EQ(error_of(2, -1, "", ""), "0");
  EXPECT_EQ(error_of(1, 1, "", "j"), "--standby 1: there is one node (--nnodes)");
  EXPECT_EQ(error_of(2, 0, "", "j"), "--standby 0: node 0 has the front; name the node that takes over from it");
  EXPECT_EQ(error_of(2, 2, "", "j"), "--standby 2: there are 2 nodes (--nnodes)");
  EXPECT_EQ(error_of(3, 1, "", "j"),
            "--standby 1 needs --standby-address: the name or address under which the others reach that node");
  EXPECT_EQ(error_of(2, 1, "", ""),
            "--standby 1 needs --journal: a folder on node 0 and one on node 1, which has the copy");
  EXPECT_EQ(error_of(2, -1, "s", ""), "--standby-address s needs --standby: the node that is there");
}

TEST(NodePlan, AModelThatGoesOnWithoutANodeHasOthers) {
  const auto seconds_of = [](int32_t num_nodes, bool is_elastic, double after_s, const ParallelLayout& layout,
                             int32_t max_restarts = 3, const std::string& numa = "auto") {
    ServeFlags flags = flags_of({.num_nodes = num_nodes,
                                 .node_rank = 0,
                                 .node_0_address = "h",
                                 .cluster_key_file = "k",
                                 .is_elastic = is_elastic,
                                 .elastic_after_s = after_s});
    flags.model.max_restarts = max_restarts;
    flags.model.numa = numa;
    const auto plan = plan_nodes(flags, layout);
    if (!plan.ok()) return plan.error().message;
    return plan->elastic_after_s ? fmt::format("{}", *plan->elastic_after_s) : "never";
  };
  EXPECT_EQ(seconds_of(2, true, -1, kTwoGroups), "10");
  EXPECT_EQ(seconds_of(2, true, 0, kTwoGroups), "0");
  EXPECT_EQ(seconds_of(2, false, -1, kTwoGroups), "never");
  EXPECT_EQ(seconds_of(2, false, 5, kTwoGroups), "--elastic-after 5 needs --elastic");
  EXPECT_EQ(seconds_of(1, true, -1, kTwoGroups), "--elastic: there is one node (--nnodes)");
  EXPECT_EQ(seconds_of(2, true, -1, {.dp_size = 2}),
            "--elastic is for one model on several nodes, and --dp-size 2 without --enable-dp-attention makes 2 of "
            "them: the others go on without one that has lost a node anyway");
  EXPECT_EQ(seconds_of(2, true, -1, kTwoGroups, 0),
            "--elastic starts a model again that has lost a node: --max-restarts 0 says that none may");
  EXPECT_EQ(seconds_of(2, true, -1, kTwoGroups, 3, "0,1"),
            "--elastic has other ranks on a node at other times: --numa 0,1 must be auto or off");
}

TEST(NodePlan, WhatIsMissingOrDoesNotFitIsNamed) {
  EXPECT_EQ(node_plan_error({.num_nodes = 2}), "--nnodes 2 needs --node-rank on each node, from 0");
  EXPECT_EQ(node_plan_error({.num_nodes = 2, .node_rank = 2}), "--node-rank 2: there are 2 nodes (--nnodes)");
  EXPECT_EQ(node_plan_error({.num_nodes = 2, .node_rank = 0}),
            "--nnodes 2 needs --node-0-address: the name or address under which the others reach node 0");
  EXPECT_EQ(node_plan_error({.num_nodes = 2, .node_rank = 0, .node_0_address = "h"}),
            "2 nodes need --cluster-key-file: make one with `braid keygen cluster.key`, and copy it to every node");
  EXPECT_EQ(node_plan_error({.ranks_per_process = 3}), "--ranks-per-process 3: a model has 2 ranks (--tp-size)");
  EXPECT_EQ(node_plan_error({.ranks_on_node = "1,1"}), "--ranks-on-node 1,1: there is one node");
  const ProcessFlags three{.num_nodes = 3, .node_rank = 0, .node_0_address = "h", .cluster_key_file = "k"};
  EXPECT_EQ(node_plan_error(three),
            "2 ranks are not divisible over 3 nodes (--nnodes): say how many each has, as in --ranks-on-node 3,1");
  EXPECT_EQ(
      node_plan_error(
          {.num_nodes = 2, .node_rank = 0, .ranks_on_node = "1,1,1", .node_0_address = "h", .cluster_key_file = "k"}),
      "--ranks-on-node 1,1,1 is for 3 nodes: --nnodes is 2");
  for (const char* bad : {"h", "h:", "h:x", "h:0", "h:70000"}) {
    EXPECT_EQ(node_plan_error({.num_nodes = 2, .node_rank = 0, .dist_init_addr = bad, .cluster_key_file = "k"}),
              std::string("--dist-init-addr ") + bad + ": must be HOST:PORT");
  }
  EXPECT_EQ(node_plan_error({.num_nodes = 2, .node_rank = 0, .dist_init_addr = "h:7", .port = 5}),
            "--dist-init-addr h:7 says address and port: leave --node-0-address and --coordinator-port out");
}

}  // namespace
}  // namespace braid
