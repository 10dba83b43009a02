#include "braid/base/thread_team.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/index_range.h"

namespace braid {
namespace {

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

TEST(ThreadTeam, EveryThreadRunsOnceAndTheCallerIsThreadZero) {
  for (int size : {1, 2, 5}) {
    ThreadTeam team(size);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> calls(static_cast<size_t>(size), 0);
      const auto caller = std::this_thread::get_id();
      team.run([&](int thread) {
        ++calls[static_cast<size_t>(thread)];
        EXPECT_EQ(thread == 0, std::this_thread::get_id() == caller);
      });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(size), 1));
    }
  }
}

TEST(ThreadTeam, MembersHaveTheRoleThatIsAskedFor) {
  const auto member_name = [](ThreadTeam& team) {
    std::array<char, 16> name = {};
    team.run([&](int thread) {
      if (thread == 1) pthread_getname_np(pthread_self(), name.data(), name.size());
    });
    return std::string(name.data());
  };
  ThreadTeam of_a_rank(2);
  EXPECT_EQ(member_name(of_a_rank), "braid-compute");
  ThreadTeam of_images(2, ThreadRole::kImages);
  EXPECT_EQ(member_name(of_images), "braid-images");
}

TEST(ThreadTeam, ProgressCountsRunsAndTheProcessorTimeOfAllThreads) {
  for (int size : {1, 3}) {
    ThreadTeam team(size);
    EXPECT_EQ(team.progress().num_operations, 0U);
    team.run([](int) {});
    const Progress before = team.progress();
    EXPECT_EQ(before.num_operations, 1U);
    std::thread watcher;
    Progress within;
    team.run([&](int thread) {
      if (thread != size - 1) return;
      // From another thread, while one thread of the team works and all others wait.
      watcher = std::thread([&] {
        do within = team.progress();
        while (within.cpu_ticks < before.cpu_ticks + 2);
      });
      volatile uint64_t sum = 0;
      const double end_s = thread_cpu_seconds() + 4 * Progress::kCpuTickS;
      while (thread_cpu_seconds() < end_s) sum = sum + 1;
      watcher.join();
    });
    EXPECT_EQ(within.num_operations, 2U);
  }
}

TEST(ThreadTeam, EachPieceRunsOnceInItsThreadsOrder) {
  for (int size : {1, 2, 5}) {
    ThreadTeam team(size);
    for (int64_t count : {0, 1, 2, 7, 64, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      std::vector<std::vector<WorkPiece>> of_threads(static_cast<size_t>(size));
      team.run_pieces(count, [&](const WorkPiece& piece) {
        ++calls[static_cast<size_t>(piece.index)];
        of_threads[static_cast<size_t>(piece.thread)].push_back(piece);
      });
      for (const auto& number : calls) EXPECT_EQ(number, 1);
      for (int thread = 0; thread < size; ++thread) {
        const IndexRange own = split_evenly(count, thread, size);
        int64_t next = own.begin;
        for (const WorkPiece& piece : of_threads[static_cast<size_t>(thread)]) {
          if (piece.index < own.begin || piece.index >= own.end) continue;  // of another thread's share
          EXPECT_EQ(piece.index, next++);
        }
      }
    }
  }
}

TEST(ThreadTeam, MorePiecesThanAShareHoldsAreTakenInGroups) {
  ThreadTeam team(2);
  constexpr int64_t kCount = 2 * PieceShares::kMostPieces + 4321;
  std::vector<uint8_t> calls(kCount, 0);
  team.run_pieces(kCount, [&](const WorkPiece& piece) { ++calls[static_cast<size_t>(piece.index)]; });
  EXPECT_EQ(calls, std::vector<uint8_t>(kCount, 1));
}

// The member is held in its first piece: with fixed shares the caller would wait for the rest of its share.
TEST(ThreadTeam, PiecesOfAThreadThatIsHeldUpAreTakenByOthers) {
  ThreadTeam team(2);
  constexpr int64_t kCount = 100;
  std::atomic<bool> has_begun = false;
  std::atomic<int64_t> num_done = 0;
  std::vector<int> threads(kCount, -1);
  team.run_pieces(kCount, [&](const WorkPiece& piece) {
    threads[static_cast<size_t>(piece.index)] = piece.thread;
    if (piece.thread == 1 && !has_begun.exchange(true)) {
      while (num_done < kCount - 1) std::this_thread::yield();
    } else if (piece.index == 0) {
      while (!has_begun) std::this_thread::yield();
    }
    ++num_done;
  });
  EXPECT_EQ(std::count(threads.begin(), threads.end(), 0), kCount - 1);
}

TEST(ThreadTeam, EarlierJobsAreVisibleToLaterOnes) {
  ThreadTeam team(4);
  std::vector<int> written(64, 0);
  for (int round = 1; round <= 500; ++round) {
    team.run_pieces(64, [&](const WorkPiece& piece) { written[static_cast<size_t>(piece.index)] = round; });
    team.run_pieces(
        4, [&](const WorkPiece&) { EXPECT_EQ(std::accumulate(written.begin(), written.end(), 0), 64 * round); });
  }
}

TEST(ThreadTeam, AnExceptionReachesTheCallerWhenNoPieceRunsAnyMore) {
  ThreadTeam team(3);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> running = 0;
    const auto work = [&](const WorkPiece& piece) {
      ++running;
      if (piece.index == round % 30) {
        --running;
        throw std::runtime_error("piece");
      }
      std::this_thread::yield();
      --running;
    };
    EXPECT_THROW(team.run_pieces(30, work), std::runtime_error);
    EXPECT_EQ(running, 0);
  }
  EXPECT_THROW(team.run([](int thread) {
    if (thread == 0) throw std::runtime_error("caller");
  }),
               std::runtime_error);
  EXPECT_THROW(team.run([](int thread) {
    if (thread == 2) throw std::runtime_error("member");
  }),
               std::runtime_error);
  std::atomic<int> calls = 0;
  team.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 3);
}

// Two threads on one CPU with something else, as on a busy machine: a piece's thread loses the CPU again and again.
TEST(ThreadTeam, AThreadThatHasLostItsCpuIsBroughtToTheCallers) {
  std::atomic<bool> is_over = false;
  std::jthread busy([&] {
    while (!is_over) {
    }
  });
  ThreadTeam team(2);
  std::atomic<int64_t> sum = 0;
  for (int round = 0; round < 2000; ++round) {
    team.run_pieces(8, [&](const WorkPiece& piece) {
      volatile int work = 0;
      while (work < 5000) work = work + 1;
      sum += piece.index;
    });
  }
  EXPECT_EQ(sum, 2000 * 28);
  is_over = true;
}

TEST(ThreadTeam, ScratchIsEachThreadsOwnAndStays) {
  ThreadTeam team(3);
  std::vector<std::byte*> first(3);
  team.run([&](int thread) { first[static_cast<size_t>(thread)] = team.scratch(thread, 1000); });
  team.run([&](int thread) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first[static_cast<size_t>(thread)]) % 64, 0U);
    EXPECT_EQ(team.scratch(thread, 10), first[static_cast<size_t>(thread)]);
    EXPECT_EQ(team.scratch(thread, 1000), first[static_cast<size_t>(thread)]);
  });
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[1], first[2]);
}

TEST(ThreadTeam, MembersFlushDenormalsAndTheCallersModeIsRestored) {
  volatile float tiny = std::numeric_limits<float>::denorm_min();
  ThreadTeam team(3);
  std::vector<float> products(3, -1.0F);
  team.run([&](int thread) { products[static_cast<size_t>(thread)] = tiny * 2.0F; });
  EXPECT_EQ(products, std::vector<float>(3, 0.0F));
  EXPECT_GT(tiny * 2.0F, 0.0F);
}

}  // namespace
}  // namespace braid
