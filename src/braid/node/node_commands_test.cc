#include "braid/node/node_commands.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace braid {
namespace {

// The id under which the node runs it.
uint64_t id_at(const NodeCommands::Letter& letter, const PeerId& node) {
  EXPECT_EQ(letter.to, node);
  const auto* const command = std::get_if<RunCommand>(&letter.message);
  return command == nullptr ? 0 : command->id;
}

TEST(NodeCommands, TheAskerLearnsHowItsCommandEnds) {
  NodeCommands commands;
  const auto sent = commands.run("mpirun", {.node = 1, .world = 2, .command = "orted"}, "agent 1");
  ASSERT_TRUE(std::holds_alternative<RunCommand>(sent.message));
  EXPECT_EQ(std::get<RunCommand>(sent.message).world, 2);
  EXPECT_EQ(std::get<RunCommand>(sent.message).command, "orted");
  const uint64_t id = id_at(sent, "agent 1");
  EXPECT_FALSE(commands.end("agent 2", {.id = id, .exit_code = 0, .ending = {}})) << "another node speaks for it";
  EXPECT_FALSE(commands.end("agent 1", {.id = id + 1, .exit_code = 0, .ending = {}}));
  const auto told = commands.end("agent 1", {.id = id, .exit_code = 3, .ending = "exit code 3"});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->to, "mpirun");
  EXPECT_EQ(std::get<CommandEnded>(told->message).exit_code, 3);
  EXPECT_FALSE(commands.end("agent 1", {.id = id, .exit_code = 0, .ending = {}})) << "it has ended";
}

TEST(NodeCommands, ANodeThatIsNotThereIsAnAnswer) {
  NodeCommands commands;
  const auto told = commands.run("mpirun", {.node = 3, .world = 0, .command = "orted"}, "");
  EXPECT_EQ(told.to, "mpirun");
  EXPECT_EQ(std::get<CommandEnded>(told.message).exit_code, 127);
  EXPECT_EQ(std::get<CommandEnded>(told.message).ending, "node 3 is not there");
}

TEST(NodeCommands, TheCommandsOfALostNodeEnd) {
  NodeCommands commands;
  commands.run("a", {.node = 1, .world = 0, .command = "x"}, "agent 1");
  const uint64_t id = id_at(commands.run("b", {.node = 2, .world = 0, .command = "x"}, "agent 2"), "agent 2");
  commands.run("c", {.node = 1, .world = 0, .command = "x"}, "agent 1");
  const auto told = commands.lose("agent 1");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].to, "a");
  EXPECT_EQ(told[1].to, "c");
  EXPECT_EQ(std::get<CommandEnded>(told[1].message).exit_code, 255);
  EXPECT_TRUE(commands.lose("agent 1").empty());
  EXPECT_TRUE(commands.end("agent 2", {.id = id, .exit_code = 0, .ending = {}}));
}

TEST(NodeCommands, AnAgentIsThatOfAnotherNodeThatIsThere) {
  struct Node {
    PeerId peer;
  };
  const std::vector<Node> nodes{{"self"}, {"agent 1"}, {""}};
  EXPECT_EQ(agent_of(nodes, 1), "agent 1");
  for (const int32_t node : {-1, 0, 2, 3}) EXPECT_EQ(agent_of(nodes, node), "") << node;
}

}  // namespace
}  // namespace braid
