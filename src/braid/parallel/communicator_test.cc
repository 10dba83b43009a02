// All worlds of one process, and two of several processes that are simulated in this one.
#include "braid/parallel/communicator.h"

#include <gtest/gtest.h>

#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "tests/support/parallel/communicator_cases.h"
#include "tests/support/parallel/simulated_processes.h"

namespace braid::testing {
namespace {

static_assert(!std::is_convertible_v<GroupCommunicator, WorldCommunicator>);
static_assert(!std::is_convertible_v<WorldCommunicator, GroupCommunicator>);

using Worlds = ::testing::Types<LocalWorld, MessageWorld, SimulatedProcesses, SimulatedHost>;
INSTANTIATE_TYPED_TEST_SUITE_P(Worlds, CommunicatorOf, Worlds);

TEST(LocalWorld, PointersAreShared) {
  const LocalWorld world({.tp_size = 3});
  std::vector<int> data{10, 11, 12};
  run_ranks(world, [&](int32_t rank) {
    std::vector<const void*> all(3);
    ASSERT_TRUE(world.world(rank).share(&data[static_cast<size_t>(rank)], all).ok());
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i], &data[i]);
  });
}

TEST(MessageWorld, CountsWhatEachRankReceives) {
  const MessageWorld world({.tp_size = 3});
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    const std::vector<int64_t> counts{4, 0, 12};
    const std::vector<std::byte> own(static_cast<size_t>(counts[static_cast<size_t>(rank)]));
    std::vector<std::byte> all(16);
    ASSERT_TRUE(comm.all_gather_v(own, all, counts).ok());
    EXPECT_EQ(comm.received_bytes(), 16 - counts[static_cast<size_t>(rank)]);
    std::vector<float> data(6);
    ASSERT_TRUE(comm.all_reduce(std::span(data)).ok());
    EXPECT_EQ(comm.received_bytes(), 16 - counts[static_cast<size_t>(rank)] + 2 * 2 * 2 * 4);
  });
}

}  // namespace
}  // namespace braid::testing
