// What every world must do, as tests over the type of the world: with several numbers of ranks and sizes, zero rows
// included, and all ways in which ranks can fail to meet. A world has the ranks own_ranks() in this process; if others
// have the rest, the same tests run there at the same time.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "braid/parallel/communicator.h"
#include "braid/parallel/thread_world.h"

namespace braid::testing {

// Runs work(rank) in one thread for each rank of this process. An exception ends the world, as in a rank's thread.
template <typename World>
void run_ranks(const World& world, const std::function<void(int32_t)>& work) {
  std::vector<std::thread> threads;
  for (auto rank = static_cast<int32_t>(world.own_ranks().begin); rank < world.own_ranks().end; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(rank);
      } catch (const std::exception& error) {
        world.world(rank).abort(error.what());
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

// Element `index` of what `rank` has; different for each.
inline float value(int32_t rank, int64_t index) {
  return static_cast<float>(rank + 1) * 1.1F + static_cast<float>(index % 97) * 0.37F;
}

inline float sum_in_rank_order(int32_t num_ranks, int64_t index) {
  float sum = value(0, index);
  for (int32_t rank = 1; rank < num_ranks; ++rank) sum += value(rank, index);
  return sum;
}

template <typename World>
class CommunicatorOf : public ::testing::Test {};
TYPED_TEST_SUITE_P(CommunicatorOf);

// Whether such a world can be made: one of several processes needs a rank for each.
template <typename World>
bool can_have(int32_t num_ranks) {
  if constexpr (requires { World::fewest_ranks(); }) return num_ranks >= World::fewest_ranks();
  return true;
}

template <typename World>
bool has_rank(const World& world, int32_t rank) {
  return rank >= world.own_ranks().begin && rank < world.own_ranks().end;
}

// Runs all operations on all ranks; rank i has counts[i] elements, perhaps none.
template <typename World>
void check_operations(int32_t num_ranks, const std::vector<int64_t>& counts, const WorldOptions& options = {}) {
  if (!can_have<World>(num_ranks)) return;
  const World world({.tp_size = num_ranks}, options);
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  const auto first_of = [&](int32_t rank) {
    return std::accumulate(counts.begin(), counts.begin() + rank, int64_t{0});
  };
  std::vector<int64_t> byte_counts;
  for (const int64_t count : counts) byte_counts.push_back(4 * count);

  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    const int64_t own_count = counts[static_cast<size_t>(rank)];
    for (int64_t step = 0; step < 3; ++step) {
      comm.begin_step(step);

      std::vector<float> own;
      for (int64_t i = 0; i < own_count; ++i) own.push_back(value(rank, i));
      std::vector<float> all(static_cast<size_t>(total));
      ASSERT_TRUE(
          comm.all_gather_v(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all)), byte_counts).ok());
      for (int32_t from = 0; from < num_ranks; ++from) {
        for (int64_t i = 0; i < counts[static_cast<size_t>(from)]; ++i) {
          ASSERT_EQ(all[static_cast<size_t>(first_of(from) + i)], value(from, i));
        }
      }

      std::vector<float> parts;
      for (int64_t i = 0; i < total; ++i) parts.push_back(value(rank, i));
      ASSERT_TRUE(comm.reduce_scatter_v(parts, own, counts).ok());
      for (int64_t i = 0; i < own_count; ++i) {
        ASSERT_EQ(own[static_cast<size_t>(i)], sum_in_rank_order(num_ranks, first_of(rank) + i));
      }

      ASSERT_TRUE(comm.all_reduce(std::span(parts)).ok());
      for (int64_t i = 0; i < total; ++i) {
        ASSERT_EQ(parts[static_cast<size_t>(i)], sum_in_rank_order(num_ranks, i));
      }

      // Rank r sends counts[r] x (to + 1) elements to rank `to`.
      std::vector<int64_t> send_counts;
      std::vector<int64_t> receive_counts;
      std::vector<float> sent;
      for (int32_t to = 0; to < num_ranks; ++to) {
        send_counts.push_back(4 * own_count * (to + 1));
        receive_counts.push_back(4 * counts[static_cast<size_t>(to)] * (rank + 1));
        for (int64_t i = 0; i < own_count * (to + 1); ++i) sent.push_back(value(rank, i + to));
      }
      std::vector<float> received(
          static_cast<size_t>(std::accumulate(receive_counts.begin(), receive_counts.end(), int64_t{0}) / 4));
      ASSERT_TRUE(comm.all_to_all_v(std::as_bytes(std::span(sent)), send_counts,
                                    std::as_writable_bytes(std::span(received)), receive_counts)
                      .ok());
      size_t at = 0;
      for (int32_t from = 0; from < num_ranks; ++from) {
        for (int64_t i = 0; i < counts[static_cast<size_t>(from)] * (rank + 1); ++i) {
          ASSERT_EQ(received[at++], value(from, i + rank));
        }
      }

      std::vector<float> told(static_cast<size_t>(total), static_cast<float>(rank));
      const int32_t root = static_cast<int32_t>(step) % num_ranks;
      ASSERT_TRUE(comm.broadcast(std::as_writable_bytes(std::span(told)), root).ok());
      for (const float one : told) ASSERT_EQ(one, static_cast<float>(root));
    }
  });
  EXPECT_FALSE(world.has_failed()) << world.failure();
}

TYPED_TEST_P(CommunicatorOf, EveryRankGetsItsPartInRankOrder) {
  for (const int32_t num_ranks : {1, 2, 3, 4, 6}) {
    const auto n = static_cast<size_t>(num_ranks);
    check_operations<TypeParam>(num_ranks, std::vector<int64_t>(n, 0));
    check_operations<TypeParam>(num_ranks, std::vector<int64_t>(n, 5));
    std::mt19937_64 random(static_cast<uint64_t>(num_ranks));
    for (int round = 0; round < 4; ++round) {
      std::vector<int64_t> counts(n);
      for (int64_t& count : counts) count = random() % 3 == 0 ? 0 : static_cast<int64_t>(random() % 300);
      check_operations<TypeParam>(num_ranks, counts);
    }
  }
}

TYPED_TEST_P(CommunicatorOf, LongPartsArriveToo) {
  check_operations<TypeParam>(3, {60'000, 1, 0});
  check_operations<TypeParam>(4, {3'000, 0, 50'000, 3'000});
}

TYPED_TEST_P(CommunicatorOf, RanksThatShareCpusGetTheirPartsToo) {
  for (int round = 0; round < 20; ++round)
    check_operations<TypeParam>(6, {3, 0, 5, 1, 0, 2}, {.ranks_share_cpus = true});
}

TYPED_TEST_P(CommunicatorOf, EqualPartsNeedNoCounts) {
  constexpr int32_t kRanks = 3;
  if (!can_have<TypeParam>(kRanks)) GTEST_SKIP();
  const TypeParam world({.tp_size = kRanks});
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    const std::vector<int32_t> own{rank, 10 * rank};
    std::vector<int32_t> all(6);
    ASSERT_TRUE(comm.all_gather(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all))).ok());
    EXPECT_EQ(all, (std::vector<int32_t>{0, 0, 1, 10, 2, 20}));

    const std::vector<float> parts{1.0F, 2.0F, static_cast<float>(rank)};
    std::vector<float> sum(1);
    ASSERT_TRUE(comm.reduce_scatter(parts, sum).ok());
    EXPECT_EQ(sum[0], rank == 0 ? 3.0F : rank == 1 ? 6.0F : 3.0F);

    const std::vector<int32_t> sent{100 * rank, 100 * rank + 1, 100 * rank + 2};
    std::vector<int32_t> received(3);
    ASSERT_TRUE(comm.all_to_all(std::as_bytes(std::span(sent)), std::as_writable_bytes(std::span(received))).ok());
    EXPECT_EQ(received, (std::vector<int32_t>{rank, 100 + rank, 200 + rank}));
  });
}

TYPED_TEST_P(CommunicatorOf, IntegerSumsOntoZerosKeepEveryBit) {
  constexpr int32_t kRanks = 4;
  const std::vector<float> odd{-0.0F, 1e-42F, std::bit_cast<float>(0x7fc00123U), -1.5F, 0.0F, 7.0F, -0.0F};
  if (!can_have<TypeParam>(kRanks)) GTEST_SKIP();
  const TypeParam world({.tp_size = kRanks});
  run_ranks(world, [&](int32_t rank) {
    std::vector<uint32_t> data(odd.size());
    for (size_t i = 0; i < odd.size(); ++i) {
      if (static_cast<int32_t>(i) % kRanks == rank) data[i] = std::bit_cast<uint32_t>(odd[i]);
    }
    ASSERT_TRUE(world.world(rank).all_reduce(std::span(data)).ok());
    for (size_t i = 0; i < odd.size(); ++i) EXPECT_EQ(data[i], std::bit_cast<uint32_t>(odd[i]));
  });
}

TYPED_TEST_P(CommunicatorOf, GroupOperationsStayInTheGroup) {
  if (!can_have<TypeParam>(6)) GTEST_SKIP();
  const TypeParam world({.tp_size = 6, .dp_size = 2, .enable_dp_attention = true});
  run_ranks(world, [&](int32_t rank) {
    const GroupCommunicator group = world.group(rank);
    EXPECT_EQ(group.size(), 3);
    EXPECT_EQ(group.rank(), rank % 3);
    for (int64_t step = 0; step < 20; ++step) {
      group.begin_step(step);
      std::vector<float> sum{static_cast<float>(rank)};
      ASSERT_TRUE(group.all_reduce(std::span(sum)).ok());
      EXPECT_EQ(sum[0], rank < 3 ? 3.0F : 12.0F);
      ASSERT_TRUE(world.world(rank).all_reduce(std::span(sum)).ok());
      EXPECT_EQ(sum[0], 45.0F);
    }
  });
}

// Two and three under way at once, long ones too, and whole operations right behind them.
TYPED_TEST_P(CommunicatorOf, BegunOperationsHaveTheResultsOfWholeOnes) {
  constexpr int32_t kRanks = 4;
  if (!can_have<TypeParam>(kRanks)) GTEST_SKIP();
  const TypeParam world({.tp_size = kRanks});
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    std::mt19937_64 random(7);  // the same on all ranks
    for (int64_t step = 0; step < 30; ++step) {
      comm.begin_step(step);
      std::vector<int64_t> counts(kRanks);
      for (int64_t& count : counts) count = static_cast<int64_t>(random() % (step % 5 == 0 ? 40'000 : 40));
      std::vector<int64_t> byte_counts;
      for (const int64_t count : counts) byte_counts.push_back(4 * count);
      const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
      const int64_t own_count = counts[static_cast<size_t>(rank)];
      const int64_t first = std::accumulate(counts.begin(), counts.begin() + rank, int64_t{0});

      std::vector<float> own;
      for (int64_t i = 0; i < own_count; ++i) own.push_back(value(rank, i + step));
      std::vector<float> all(static_cast<size_t>(total));
      ASSERT_TRUE(
          comm.begin_all_gather_v(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all)), byte_counts)
              .ok());
      std::vector<float> parts;
      for (int64_t i = 0; i < total; ++i) parts.push_back(value(rank, i));
      std::vector<float> sums(static_cast<size_t>(own_count));
      ASSERT_TRUE(comm.begin_reduce_scatter_v(parts, sums, counts).ok());
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 500 * static_cast<uint64_t>(rank)));
      ASSERT_TRUE(comm.finish().ok());
      const std::vector<int64_t> received_counts(kRanks, 4 * own_count);
      std::vector<float> received(static_cast<size_t>(kRanks * own_count));
      ASSERT_TRUE(comm.begin_all_to_all_v(std::as_bytes(std::span(parts)), byte_counts,
                                          std::as_writable_bytes(std::span(received)), received_counts)
                      .ok());
      size_t at = 0;
      for (int32_t from = 0; from < kRanks; ++from) {
        for (int64_t i = 0; i < counts[static_cast<size_t>(from)]; ++i) {
          ASSERT_EQ(all[at++], value(from, i + step)) << "step " << step;
        }
      }
      ASSERT_TRUE(comm.finish().ok());
      for (int64_t i = 0; i < own_count; ++i) {
        ASSERT_EQ(sums[static_cast<size_t>(i)], sum_in_rank_order(kRanks, first + i)) << "step " << step;
      }
      ASSERT_TRUE(comm.finish().ok());
      at = 0;
      for (int32_t from = 0; from < kRanks; ++from) {
        for (int64_t i = 0; i < own_count; ++i) ASSERT_EQ(received[at++], value(from, first + i)) << "step " << step;
      }
      std::vector<float> told{static_cast<float>(rank)};
      ASSERT_TRUE(comm.all_reduce(std::span(told)).ok());
      ASSERT_EQ(told[0], 6.0F);
    }
  });
  EXPECT_FALSE(world.has_failed()) << world.failure();
}

TYPED_TEST_P(CommunicatorOf, MessagesArriveInTheOrderSent) {
  if (!can_have<TypeParam>(3)) GTEST_SKIP();
  const TypeParam world({.tp_size = 3});
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    const auto length_of = [](int32_t i) { return i % 5 == 0 ? size_t{20'000} : static_cast<size_t>(i); };
    if (rank == 0) {
      std::vector<int32_t> data;
      for (int32_t i = 0; i < 50; ++i) {
        data.assign(length_of(i), i);  // what was sent before was copied
        ASSERT_TRUE(comm.send(std::as_bytes(std::span(data)), 2).ok());
      }
    }
    if (rank == 2) {
      for (int32_t i = 0; i < 50; ++i) {
        std::vector<int32_t> got(length_of(i), -1);
        ASSERT_TRUE(comm.recv(std::as_writable_bytes(std::span(got)), 0).ok());
        EXPECT_EQ(got, std::vector<int32_t>(length_of(i), i));
      }
    }
    ASSERT_TRUE(comm.barrier().ok());
  });
}

TYPED_TEST_P(CommunicatorOf, TheNextOperationCompletesAPostedBarrier) {
  if (!can_have<TypeParam>(4)) GTEST_SKIP();
  const TypeParam world({.tp_size = 4});
  // Atomic for ThreadSanitizer alone, which does not see that a message of a SimulatedHost is one memory at two
  // addresses.
  std::vector<std::atomic<int>> written(4);
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    for (int round = 1; round < 50; ++round) {
      written[static_cast<size_t>(rank)].store(round, std::memory_order_relaxed);
      ASSERT_TRUE(comm.post().ok());
      ASSERT_TRUE(comm.wait().ok());
      for (auto one = world.own_ranks().begin; one < world.own_ranks().end; ++one) {
        EXPECT_EQ(written[static_cast<size_t>(one)].load(std::memory_order_relaxed), round);
      }
      ASSERT_TRUE(comm.post().ok());
      ASSERT_TRUE(comm.barrier().ok());  // waits for the post first
    }
  });
  EXPECT_FALSE(world.has_failed()) << world.failure();
}

// The error that each rank of this process got.
template <typename World>
std::map<int32_t, std::string> errors_of(int32_t num_ranks, double timeout_s,
                                         const std::function<Status(int32_t, const World&)>& work) {
  const World world({.tp_size = num_ranks}, {.timeout_s = timeout_s});
  std::map<int32_t, std::string> errors;
  for (auto rank = world.own_ranks().begin; rank < world.own_ranks().end; ++rank) {
    errors[static_cast<int32_t>(rank)] = "";
  }
  run_ranks(world, [&](int32_t rank) {
    world.world(rank).begin_step(7);
    Status status = work(rank, world);
    if (status.ok()) status = world.world(rank).barrier();  // a rank that passed without an error gets it now
    errors.at(rank) = status.ok() ? "" : status.error().message;
  });
  return errors;
}

// All have the same error, with these parts.
inline void expect_all(const std::map<int32_t, std::string>& errors, const std::vector<std::string>& parts) {
  for (const auto& [rank, error] : errors) {
    EXPECT_EQ(error, errors.begin()->second);
    for (const std::string& part : parts) EXPECT_NE(error.find(part), std::string::npos) << part << " in: " << error;
  }
}

constexpr double kLong = 60;

TYPED_TEST_P(CommunicatorOf, ASkippedOperationIsAnErrorOnAllRanksThatNamesBoth) {
  const auto errors = errors_of<TypeParam>(3, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    const WorldCommunicator comm = world.world(rank);
    std::vector<float> data(8);
    if (rank != 1) TRY_STATUS(comm.all_reduce(std::span(data)));
    return comm.broadcast(std::as_writable_bytes(std::span(data)), 0);
  });
  expect_all(errors, {"the ranks call different operations", "rank 1", "broadcast", "all_reduce", "step 7"});
}

TYPED_TEST_P(CommunicatorOf, AWrongSizeIsAnErrorOnAllRanksThatNamesBoth) {
  const auto errors = errors_of<TypeParam>(4, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    std::vector<float> data(rank == 2 ? 9 : 8);
    return world.world(rank).all_reduce(std::span(data));
  });
  expect_all(errors, {"rank 2 world all_reduce (step 7, op 0, 36 bytes)", "32 bytes"});
}

TYPED_TEST_P(CommunicatorOf, UnequalCountsAreAnErrorOnAllRanks) {
  const auto errors = errors_of<TypeParam>(2, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    const std::vector<int64_t> counts = rank == 0 ? std::vector<int64_t>{4, 8} : std::vector<int64_t>{8, 4};
    const std::vector<std::byte> own(static_cast<size_t>(counts[static_cast<size_t>(rank)]));
    std::vector<std::byte> all(12);
    return world.world(rank).all_gather_v(own, all, counts);
  });
  expect_all(errors, {"all_gather_v"});
}

TYPED_TEST_P(CommunicatorOf, SizesThatDoNotFitTheCallEndTheWorld) {
  const auto errors = errors_of<TypeParam>(2, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    const std::vector<std::byte> own(4);
    std::vector<std::byte> all(rank == 1 ? 9 : 8);
    return world.world(rank).all_gather(own, all);
  });
  expect_all(errors, {"rank 1 called world all_gather", "room for 9"});
}

TYPED_TEST_P(CommunicatorOf, DifferentStepsAreAnErrorOnAllRanks) {
  const auto errors = errors_of<TypeParam>(2, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    if (rank == 1) world.world(rank).begin_step(8);
    return world.world(rank).barrier();
  });
  expect_all(errors, {"step 7", "step 8"});
}

TYPED_TEST_P(CommunicatorOf, AnExceptionBeforeTheRendezvousEndsAllWaits) {
  auto errors = errors_of<TypeParam>(3, kLong, [](int32_t rank, const TypeParam& world) -> Status {
    if (rank == 1) throw std::runtime_error("out of pages");
    return world.world(rank).barrier();
  });
  errors.erase(1);
  expect_all(errors, {"rank 1 gave up in step 7: out of pages"});
}

TYPED_TEST_P(CommunicatorOf, ARankThatDoesNotComeIsNamedAfterTheTimeout) {
  const auto errors = errors_of<TypeParam>(3, 0.05, [](int32_t rank, const TypeParam& world) -> Status {
    if (rank == 2) {
      while (!world.has_failed()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return world.world(rank).barrier();
  });
  expect_all(errors, {"longer than 0.05 s", "waits for rank 2", "rank 2: has called nothing yet"});
}

TYPED_TEST_P(CommunicatorOf, AnAbortEndsEveryWaitNowAndLater) {
  if (!can_have<TypeParam>(2)) GTEST_SKIP();
  const TypeParam world({.tp_size = 2});
  std::thread waiting([&] {
    if (!has_rank(world, 0)) return;
    const Status status = world.world(0).barrier();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("shutting down"), std::string::npos);
    int32_t got = 0;
    EXPECT_FALSE(world.world(0).recv(std::as_writable_bytes(std::span(&got, 1)), 1).ok());
    EXPECT_FALSE(world.world(0).barrier().ok());
  });
  if (has_rank(world, 1)) world.abort("shutting down");
  waiting.join();
}

REGISTER_TYPED_TEST_SUITE_P(CommunicatorOf, EveryRankGetsItsPartInRankOrder, LongPartsArriveToo,
                            RanksThatShareCpusGetTheirPartsToo, EqualPartsNeedNoCounts,
                            IntegerSumsOntoZerosKeepEveryBit, GroupOperationsStayInTheGroup,
                            BegunOperationsHaveTheResultsOfWholeOnes, MessagesArriveInTheOrderSent,
                            TheNextOperationCompletesAPostedBarrier, ASkippedOperationIsAnErrorOnAllRanksThatNamesBoth,
                            AWrongSizeIsAnErrorOnAllRanksThatNamesBoth, UnequalCountsAreAnErrorOnAllRanks,
                            SizesThatDoNotFitTheCallEndTheWorld, DifferentStepsAreAnErrorOnAllRanks,
                            AnExceptionBeforeTheRendezvousEndsAllWaits, ARankThatDoesNotComeIsNamedAfterTheTimeout,
                            AnAbortEndsEveryWaitNowAndLater);

}  // namespace braid::testing
