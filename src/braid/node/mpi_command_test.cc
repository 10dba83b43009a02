#include "braid/node/mpi_command.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

using Words = std::vector<std::string>;

TEST(MpiCommand, OneProcessNeedsNoMpi) {
  EXPECT_EQ(mpi_command({.processes_on_node = {1}, .program = {"braid", "rank"}}), (Words{"braid", "rank"}));
  EXPECT_EQ(mpi_command({.processes_on_node = {0, 1}, .program = {"braid", "rank"}, .launcher = {"braid", "node-run"}}),
            (Words{"braid", "node-run", "braid-node-1", "'braid' 'rank'"}));
}

TEST(MpiCommand, SeveralProcessesOfThisHostAreOneJob) {
  EXPECT_EQ(mpi_command({.processes_on_node = {3}, .program = {"braid", "rank"}, .is_root = true}),
            (Words{"mpirun", "--quiet", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "0",
                   "--allow-run-as-root", "--oversubscribe", "-n", "3", "braid", "rank"}));
}

TEST(MpiCommand, MpiIsToldWhatSendsItsMessages) {
  EXPECT_EQ(mpi_command({.processes_on_node = {2}, .program = {"braid", "rank"}, .message_layer = "ob1"}),
            (Words{"mpirun", "--quiet", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "0", "--mca", "pml",
                   "ob1", "--oversubscribe", "-n", "2", "braid", "rank"}));
}

TEST(MpiCommand, OtherNodesAreReachedByTheLauncher) {
  EXPECT_EQ(
      mpi_command({.processes_on_node = {2, 0, 1}, .program = {"braid", "rank"}, .launcher = {"braid", "node-run"}}),
      (Words{"mpirun",
             "--quiet",
             "--bind-to",
             "none",
             "--mca",
             "odls_base_sigkill_timeout",
             "0",
             "--leave-session-attached",
             "--mca",
             "plm_rsh_agent",
             "braid node-run",
             "--mca",
             "plm_rsh_no_tree_spawn",
             "1",
             "-H",
             "localhost:2,braid-node-2:1",
             "-n",
             "3",
             "braid",
             "rank"}));
}

TEST(MpiCommand, NodesHaveNames) {
  EXPECT_EQ(node_of(node_name(12)), 12);
  for (const char* bad : {"", "node-1", "braid-node-", "braid-node-x", "braid-node--1", "braid-node-1x"}) {
    EXPECT_EQ(node_of(bad), -1) << bad;
  }
}

TEST(MpiCommand, AShellGetsTheSameWords) {
  EXPECT_EQ(shell_text(Words{"echo", "it's $HOME", ""}), "'echo' 'it'\\''s $HOME' ''");
}

}  // namespace
}  // namespace braid
