#include "braid/parallel/shared_port.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "braid/parallel/process_transport.h"
#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

using testing::memory_ports;
using testing::on_each_rank;

TEST(SharedPort, EachViewHasItsOwnMessages) {
  const auto ports = memory_ports(2);
  const auto first = share_port(ports[0]);
  const auto second = share_port(ports[1]);
  int sent[2] = {1, 2};
  int received[2] = {0, 0};
  for (const size_t world : {1U, 0U}) first[world]->send(&sent[world], sizeof(int), 1, 5);
  for (const size_t world : {0U, 1U}) {
    PortArrival arrival;
    const PortRequest request = second[world]->receive(&received[world], sizeof(int), ProcessPort::kAnyProcess, 5);
    EXPECT_TRUE(second[world]->test(request, &arrival));
    EXPECT_EQ(arrival.process, 0);
    EXPECT_EQ(received[world], sent[world]);
  }
}

TEST(SharedPort, GivenUpByOneItIsOfNoUseToTheOther) {
  const auto ports = memory_ports(2);
  const auto views = share_port(ports[0]);
  EXPECT_EQ(views[1]->error(), "");
  views[0]->give_up();
  EXPECT_FALSE(views[1]->test(0, nullptr));
  EXPECT_EQ(views[1]->error(), "given up");
}

// Both worlds exchange at once, the ranks' and that of processes.
TEST(SharedPort, TwoWorldsOfTheSameProcesses) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  const auto ports = memory_ports(4);
  on_each_rank(4, [&](int32_t process) {
    const std::vector<int32_t> one_each(4, 1);
    const ProcessTransport transport(ports[static_cast<size_t>(process)], RankSpread(one_each), 10);
    const auto ranks = transport.make_world(layout, {.timeout_s = 10});
    const auto processes = transport.make_process_world(2, {.timeout_s = 10});
    std::thread beside([&] {
      const GroupCommunicator group = processes->group(process);
      EXPECT_EQ(group.size(), 2);
      EXPECT_EQ(group.rank(), process % 2);
      for (int i = 0; i < 50; ++i) {
        std::vector<float> values(40'000, static_cast<float>(process + i));
        EXPECT_TRUE(group.all_reduce(values).ok());
        EXPECT_EQ(values.back(), static_cast<float>(process / 2 * 4 + 1 + 2 * i));
      }
    });
    for (int i = 0; i < 50; ++i) {
      std::vector<float> values(50'000, static_cast<float>(process + i));
      EXPECT_TRUE(ranks->world(process).all_reduce(values).ok());
      EXPECT_EQ(values.front(), static_cast<float>(6 + 4 * i));
    }
    beside.join();
    EXPECT_TRUE(ranks->leave().ok());
    EXPECT_TRUE(processes->leave().ok());
  });
}

TEST(SharedPort, TheEndOfOneWorldEndsTheOther) {
  const auto ports = memory_ports(2);
  on_each_rank(2, [&](int32_t process) {
    const std::vector<int32_t> one_each(2, 1);
    const ProcessTransport transport(ports[static_cast<size_t>(process)], RankSpread(one_each), 10);
    const auto ranks = transport.make_world({.tp_size = 2}, {.timeout_s = 10});
    const auto processes = transport.make_process_world(1, {.timeout_s = 10});
    std::thread beside([&] {
      while (processes->group(process).barrier().ok()) {
      }
    });
    if (process == 0) ranks->abort("a test");
    EXPECT_FALSE(ranks->world(process).barrier().ok());
    beside.join();
  });
}

}  // namespace
}  // namespace braid
