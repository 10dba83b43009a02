// What a world of several processes does beyond its operations (communicator_test.cc): processes that leave, break or
// compute for long.
#include "braid/parallel/process_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "braid/parallel/message_head.h"
#include "braid/parallel/port_tags.h"
#include "braid/parallel/process_join.h"
#include "tests/support/parallel/simulated_processes.h"

namespace braid {
namespace {

using testing::memory_ports;
using testing::on_each_rank;
using testing::SimulatedHost;
using testing::SimulatedProcesses;

TEST(ProcessWorld, OnePortServesOneWorldAfterAnother) {
  const ParallelLayout layout{.tp_size = 3};
  const auto ports = memory_ports(2);
  on_each_rank(2, [&](int32_t process) {
    const auto port = ports[static_cast<size_t>(process)];
    for (int round = 0; round < 20; ++round) {
      const auto spread = join_processes(*port, {.layout = layout, .num_ranks = process == 0 ? 1 : 2});
      ASSERT_TRUE(spread.ok()) << spread.error().message;
      ProcessWorld world(layout, *spread, port);
      std::vector<std::thread> ranks;
      for (auto rank = static_cast<int32_t>(world.own_ranks().begin); rank < world.own_ranks().end; ++rank) {
        ranks.emplace_back([&, rank] { EXPECT_TRUE(world.world(rank).barrier().ok()); });
      }
      for (auto& rank : ranks) rank.join();
      const Status left = world.leave();
      ASSERT_TRUE(left.ok()) << left.error().message;
    }
    EXPECT_EQ(port->error(), "");
  });
}

// Two processes of two and three ranks, and one of one rank: groups of two lie within processes and across them.
TEST(ProcessWorld, AnOperationIsOneMessageForEachPairOfProcesses) {
  constexpr int kRounds = 10;
  constexpr int32_t kProcesses = 3;
  const ParallelLayout layout{.tp_size = 6, .dp_size = 3, .enable_dp_attention = true};
  // So long a timeout that no process tells its progress meanwhile.
  const SimulatedProcesses world(layout, {2, 3, 1}, {.timeout_s = 1000});
  const auto messages_of = [&](const std::function<Status(int32_t rank)>& operation) {
    std::vector<int64_t> num_messages;
    for (int32_t process = 0; process < kProcesses; ++process) num_messages.push_back(-world.port(process).num_sends());
    on_each_rank(6, [&](int32_t rank) {
      for (int round = 0; round < kRounds; ++round) {
        const Status status = operation(rank);
        ASSERT_TRUE(status.ok()) << status.error().message;
      }
    });
    for (int32_t process = 0; process < kProcesses; ++process) {
      num_messages[static_cast<size_t>(process)] += world.port(process).num_sends();
    }
    return num_messages;
  };
  const std::vector<int64_t> one_to_each(kProcesses, 2 * kRounds);
  EXPECT_EQ(messages_of([&](int32_t rank) { return world.world(rank).barrier(); }), one_to_each);
  EXPECT_EQ(messages_of([&](int32_t rank) -> Status {
              const std::vector<std::byte> own(40, static_cast<std::byte>(rank));
              std::vector<std::byte> all(240);
              TRY_STATUS(world.world(rank).all_gather(own, all));
              if (all[200] != std::byte{5}) return fail("rank 5 is missing");
              return {};
            }),
            one_to_each);
  EXPECT_EQ(messages_of([&](int32_t rank) {
              const std::vector<float> parts(6, 1);
              std::vector<float> own(1);
              return world.world(rank).reduce_scatter(parts, own);
            }),
            one_to_each);
  // Long data is a message of its own behind the one that announces it.
  EXPECT_EQ(messages_of([&](int32_t rank) {
              const std::vector<std::byte> own(5000);
              std::vector<std::byte> all(30'000);
              return world.world(rank).all_gather(own, all);
            }),
            std::vector<int64_t>(kProcesses, 4 * kRounds));
  // The last group alone has ranks in two processes.
  EXPECT_EQ(messages_of([&](int32_t rank) { return world.group(rank).barrier(); }),
            (std::vector<int64_t>{0, kRounds, kRounds}));
}

TEST(ProcessWorld, ShortMessagesOfOneHostGoRoundThePort) {
  const SimulatedHost world({.tp_size = 3}, {.timeout_s = 1000});  // so long that no process tells its progress
  const int64_t before = world.port(0).num_sends();
  on_each_rank(3, [&](int32_t rank) {
    for (int round = 0; round < 50; ++round) {
      ASSERT_TRUE(world.world(rank).barrier().ok());
      const std::vector<std::byte> own(kMostRingData, static_cast<std::byte>(rank + round));
      std::vector<std::byte> all(3 * kMostRingData);
      ASSERT_TRUE(world.world(rank).all_gather(own, all).ok());
      for (int32_t other = 0; other < 3; ++other) {
        EXPECT_EQ(all[static_cast<size_t>(other + 1) * kMostRingData - 1], static_cast<std::byte>(other + round));
      }
    }
  });
  EXPECT_EQ(world.port(0).num_sends(), before);
  on_each_rank(3, [&](int32_t rank) {
    const std::vector<std::byte> own(kMostRingData + 1, static_cast<std::byte>(rank));
    std::vector<std::byte> all(3 * own.size());
    ASSERT_TRUE(world.world(rank).all_gather(own, all).ok());
    EXPECT_EQ(all.front(), std::byte{0});
    EXPECT_EQ(all.back(), std::byte{2});
  });
  EXPECT_EQ(world.port(0).num_sends(), before + 2) << "the data alone; their heads go round it";
}

// More are under way than there are slots, so that some go through the port, long and short in turn.
TEST(ProcessWorld, MessagesOfOneHostKeepTheirOrderWhicheverWayTheyGo) {
  const SimulatedHost world({.tp_size = 2}, {.timeout_s = 60});
  constexpr size_t kBegun = 24;
  const auto size_of = [](size_t i) { return i % 5 == 3 ? kMostRingData + i : 100 * i + 1; };
  on_each_rank(2, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    for (int round = 0; round < 10; ++round) {
      std::vector<std::vector<std::byte>> own;
      std::vector<std::vector<std::byte>> all;
      for (size_t i = 0; i < kBegun; ++i) {
        own.emplace_back(size_of(i), static_cast<std::byte>(i + 100 * static_cast<size_t>(rank)));
        all.emplace_back(2 * size_of(i));
      }
      for (size_t i = 0; i < kBegun; ++i) {
        const std::vector<int64_t> counts(2, static_cast<int64_t>(size_of(i)));
        ASSERT_TRUE(comm.begin_all_gather_v(own[i], all[i], counts).ok());
      }
      for (size_t i = 0; i < kBegun; ++i) {
        const Status finished = comm.finish();
        ASSERT_TRUE(finished.ok()) << finished.error().message;
        EXPECT_EQ(all[i][size_of(i) - 1], static_cast<std::byte>(i));
        EXPECT_EQ(all[i].back(), static_cast<std::byte>(i + 100));
      }
    }
  });
}

TEST(ProcessWorld, ARankOfOneHostThatDoesNotComeIsNamed) {
  const SimulatedHost world({.tp_size = 2}, {.timeout_s = 0.2});
  const Status status = world.world(0).barrier();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("rank 0 in world barrier (step 0, op 0, 0 bytes) took longer than 0.2 s"),
            std::string::npos)
      << status.error().message;
}

TEST(ProcessWorld, NoWaitIsTooLongWhileARankOfAnotherProcessGetsOn) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 0.2});
  std::atomic<uint64_t> num_operations{0};
  world.of_process(1).watch([&] { return Progress{.num_operations = num_operations.load()}; });
  on_each_rank(2, [&](int32_t rank) {
    for (int i = 0; rank == 1 && i < 50; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      ++num_operations;
    }
    const Status status = world.world(rank).barrier();
    EXPECT_TRUE(status.ok()) << status.error().message;
  });
}

TEST(ProcessWorld, ABrokenPortEndsTheWorldAndSaysWhy) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 0.2});
  std::vector<std::string> errors(2);
  on_each_rank(2, [&](int32_t rank) {
    if (rank == 1) world.port(1).fail("cable cut");
    Status status = world.world(rank).barrier();
    while (status.ok()) status = world.world(rank).barrier();  // rank 0's first message may have come before
    errors[static_cast<size_t>(rank)] = status.error().message;
  });
  EXPECT_NE(errors[1].find("process 1 cannot reach the others: cable cut"), std::string::npos) << errors[1];
  EXPECT_NE(errors[0].find("took longer than 0.2 s"), std::string::npos) << errors[0];
  EXPECT_NE(errors[0].find("rank 1: its process 1 does not answer"), std::string::npos) << errors[0];
}

TEST(ProcessWorld, AnEndReachesRanksThatComputeMeanwhile) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 60});
  world.of_process(0).abort("shutting down");
  while (!world.of_process(1).has_failed()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(world.of_process(1).failure(), world.of_process(0).failure());
}

TEST(ProcessWorld, AProcessThatDoesNotLeaveIsNamed) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 0.1});
  const Status left = world.of_process(0).leave();
  ASSERT_FALSE(left.ok());
  EXPECT_NE(left.error().message.find("process 0 waited longer than 0.1 s for process 1 to leave the world"),
            std::string::npos)
      << left.error().message;
}

TEST(ProcessWorld, AFailedWorldGivesThePortUp) {
  const SimulatedProcesses world({.tp_size = 2});
  world.abort("shutting down");
  while (!world.of_process(0).has_failed()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(world.port(0).error(), "given up");
  EXPECT_FALSE(world.of_process(0).leave().ok());
}

TEST(ProcessWorld, ABundleOfOtherRanksEndsTheWorld) {
  const auto ports = memory_ports(2);
  const RankSpread spread(std::vector<int32_t>{2, 2});
  const ProcessWorld world({.tp_size = 4}, spread, ports.front());
  MessageBytes bytes;
  const size_t size = encode_message({.type = HeadType::kWorldBundle, .from = 3, .to = 0}, {}, bytes);
  ports.back()->send(bytes.data(), size, 0, kHeadTag);
  const Status status = world.world(0).barrier();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("process 1 sent a bundle of 0 bytes from rank 3 to rank 0"), std::string::npos)
      << status.error().message;
}

Buffer handed_over(int64_t bytes, int value) {
  Buffer data(bytes);
  std::fill(data.data(), data.data() + bytes, static_cast<std::byte>(value));
  return data;
}

TEST(ProcessWorld, WhatIsHandedOverComesWhileNobodyAsks) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 60});
  on_each_rank(2, [&](int32_t rank) {
    HandOver& own = *world.of_process(rank).hand_over();
    constexpr int64_t kBytes = 5'000'001;
    for (int32_t part = 0; part < 3; ++part) {
      own.give({.from = rank, .to = 1 - rank, .item = 8, .part = part}, handed_over(kBytes, 10 * rank + part));
    }
    while (own.is_giving(rank, 8)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(world.world(rank).barrier().ok()) << "collectives go on beside it";
    for (const int32_t part : {2, 0, 1}) {
      const auto data = own.take({.from = 1 - rank, .to = rank, .item = 8, .part = part});
      ASSERT_TRUE(data.ok()) << data.error().message;
      ASSERT_EQ(data->bytes(), kBytes);
      const auto value = static_cast<std::byte>(10 * (1 - rank) + part);
      EXPECT_TRUE(std::all_of(data->data(), data->data() + kBytes, [&](std::byte one) { return one == value; }));
    }
  });
}

TEST(ProcessWorld, WhatLiesInTheRoomOfOneHostIsTakenThere) {
  const SimulatedHost world({.tp_size = 2}, {.timeout_s = 60});
  constexpr int64_t kBytes = 20 << 20;
  for (const int32_t rank : {0, 1}) ASSERT_TRUE(world.of_process(rank).hand_over()->set_room(kBytes).ok());
  on_each_rank(2, [&](int32_t rank) {
    HandOver& own = *world.of_process(rank).hand_over();
    own.set_pace(1);  // for what travels: it would take for ever
    for (uint64_t item = 0; item < 8; ++item) {
      Buffer data = own.room(1 - rank, kBytes);
      std::fill(data.data(), data.data() + kBytes, static_cast<std::byte>(10 * item + static_cast<uint64_t>(rank)));
      const std::byte* const place = data.data();
      own.give({.from = rank, .to = 1 - rank, .item = item, .part = 3}, std::move(data));
      EXPECT_FALSE(own.is_giving(rank, item));
      EXPECT_TRUE(world.world(rank).barrier().ok()) << "collectives go on beside it";
      {
        const auto taken = own.take({.from = 1 - rank, .to = rank, .item = item, .part = 3});
        ASSERT_TRUE(taken.ok()) << taken.error().message;
        ASSERT_EQ(taken->bytes(), kBytes);
        EXPECT_NE(taken->data(), place);
        const auto value = static_cast<std::byte>(10 * item + static_cast<uint64_t>(1 - rank));
        EXPECT_TRUE(std::all_of(taken->data(), taken->data() + kBytes, [&](std::byte one) { return one == value; }));
      }
      // The other's leave to use the room again comes while nobody asks.
      for (bool is_back = false; !is_back; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
        is_back = own.room(1 - rank, kBytes).data() == place;
      }
    }
  });
}

TEST(ProcessWorld, AHurryEndsAPace) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 60});
  HandOver& own = *world.of_process(0).hand_over();
  own.set_pace(1e5);
  own.give({.from = 0, .to = 1, .item = 1}, handed_over(4 << 20, 1));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(own.is_giving(0, 1)) << "it would take 40 s";
  for (int i = 0; i < 1000 && own.is_giving(0, 1); ++i) EXPECT_TRUE(own.finish(0).ok());
  EXPECT_FALSE(own.is_giving(0, 1));
}

TEST(ProcessWorld, WhatNobodyTookIsGoneWhenAllLeave) {
  const ParallelLayout layout{.tp_size = 2};
  const auto ports = memory_ports(2);
  on_each_rank(2, [&](int32_t process) {
    const auto port = ports[static_cast<size_t>(process)];
    for (int round = 0; round < 3; ++round) {
      const auto spread = join_processes(*port, {.layout = layout, .num_ranks = 1});
      ASSERT_TRUE(spread.ok()) << spread.error().message;
      ProcessWorld world(layout, *spread, port);
      world.hand_over()->set_pace(1e5);
      world.hand_over()->give({.from = process, .to = 1 - process, .item = 1}, handed_over(4 << 20, 1));
      const Status left = world.leave();
      ASSERT_TRUE(left.ok()) << left.error().message;
    }
    EXPECT_EQ(port->error(), "");
  });
}

TEST(ProcessWorld, MoreThanMayWaitEndsTheWorld) {
  const SimulatedProcesses world({.tp_size = 2}, {.timeout_s = 60});
  world.of_process(1).hand_over()->set_max_waiting(100);
  world.of_process(0).hand_over()->give({.from = 0, .to = 1, .item = 3, .part = 1}, handed_over(101, 1));
  while (!world.of_process(0).has_failed()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string failure = world.failure();
  EXPECT_NE(failure.find("part 1 of item 3 from rank 0 to rank 1 has 101 bytes, and 0 of at most 100 wait"),
            std::string::npos)
      << failure;
}

TEST(ProcessWorld, WhatIsNoMessageEndsTheWorld) {
  const auto ports = memory_ports(2);
  const RankSpread spread(std::vector<int32_t>{1, 1});
  const ProcessWorld world({.tp_size = 2}, spread, ports.front());
  const std::string garbage(80, 'x');
  ports.back()->send(garbage.data(), garbage.size(), 0, 2);
  const Status status = world.world(0).barrier();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("80 bytes that are no message"), std::string::npos) << status.error().message;
}

}  // namespace
}  // namespace braid
