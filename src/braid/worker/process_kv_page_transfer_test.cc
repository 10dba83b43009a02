#include "braid/worker/process_kv_page_transfer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "braid/parallel/process_transport.h"
#include "tests/support/parallel/simulated_processes.h"

namespace braid {
namespace {

using testing::on_each_rank;
using testing::SimulatedProcesses;

constexpr KvShape kShareShape{
    .num_layers = 2, .num_kv_heads = 1, .head_dim = 8, .dtype = DType::kFloat32, .page_size = 16};
constexpr int64_t kSharePage = 8 * 16 * 4;
constexpr ParallelLayout kTwoGroups{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
constexpr Move kShareMove{.id = 7, .from_group = 0, .to_group = 1, .num_pages = 2};

void fill_page(KvCache& cache, PageId page, int value) {
  cache.mark_committed(std::span(&page, 1));
  for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
    std::memset(cache.layer(layer).keys + page * kSharePage, value, kSharePage);
    std::memset(cache.layer(layer).values + page * kSharePage, value + 1, kSharePage);
  }
}

bool is_page_filled(const KvCache& cache, PageId page, int value) {
  for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
    for (int64_t i = 0; i < kSharePage; ++i) {
      if (cache.layer(layer).keys[page * kSharePage + i] != static_cast<std::byte>(value)) return false;
      if (cache.layer(layer).values[page * kSharePage + i] != static_cast<std::byte>(value + 1)) return false;
    }
  }
  return true;
}

// Four ranks in two groups, spread over processes; each with its transfer, team and cache.
class ProcessTransfers {
 public:
  explicit ProcessTransfers(const std::vector<int32_t>& ranks_of_each, bool is_one_host = false)
      : spread_(ranks_of_each), processes_(kTwoGroups, ranks_of_each, {.timeout_s = 60}, 0, is_one_host) {
    for (int32_t process = 0; process < spread_.num_processes(); ++process) {
      const auto port = std::shared_ptr<ProcessPort>(&processes_.port(process), [](ProcessPort*) {});
      locals_.push_back(std::make_unique<LocalKvPageTransfer>(60));
      transports_.push_back(std::make_unique<ProcessTransport>(port, spread_, 60));
      transfers_.push_back(std::make_unique<ProcessKvPageTransfer>(*locals_.back(), processes_.of_process(process),
                                                                   *transports_.back(), kTwoGroups));
    }
    for (int32_t rank = 0; rank < kTwoGroups.tp_size; ++rank) {
      teams_.push_back(std::make_unique<ThreadTeam>(1));
      caches_.push_back(std::make_unique<KvCache>(kShareShape, 4));
    }
  }

  SimulatedProcesses& processes() { return processes_; }
  KvCache& cache(int32_t rank) { return *caches_[static_cast<size_t>(rank)]; }
  KvPageTransfer& of(int32_t rank) { return *transfers_[static_cast<size_t>(spread_.process_of(rank))]; }
  const RankTransport& transport(int32_t rank) const {
    return *transports_[static_cast<size_t>(spread_.process_of(rank))];
  }
  Status give(int32_t rank, const MovedPages& piece) {
    return of(rank).give(piece, rank % 2, *teams_[static_cast<size_t>(rank)], cache(rank));
  }
  Status take(int32_t rank, const MovedPages& piece) {
    return of(rank).take(piece, rank % 2, *teams_[static_cast<size_t>(rank)], cache(rank));
  }

 private:
  const RankSpread spread_;
  SimulatedProcesses processes_;
  std::vector<std::unique_ptr<LocalKvPageTransfer>> locals_;
  std::vector<std::unique_ptr<ProcessTransport>> transports_;
  std::vector<std::unique_ptr<ProcessKvPageTransfer>> transfers_;
  std::vector<std::unique_ptr<ThreadTeam>> teams_;
  std::vector<std::unique_ptr<KvCache>> caches_;
};

// Groups whose own ranks are in several processes, and pairs of which one is within a process.
TEST(ProcessKvPageTransfer, EachRankGivesItsShareToTheOneWithItsPlace) {
  for (const auto& spread : std::vector<std::vector<int32_t>>{{2, 2}, {1, 1, 1, 1}, {3, 1}, {1, 3}}) {
    ProcessTransfers transfers(spread);
    on_each_rank(4, [&](int32_t rank) {
      const bool gives = rank < 2;
      if (gives) {
        fill_page(transfers.cache(rank), 3, 30 + rank);
        fill_page(transfers.cache(rank), 0, 60 + rank);
        EXPECT_TRUE(transfers.give(rank, {.move = kShareMove, .piece = 0, .pages = {{3}}}).ok());
        EXPECT_TRUE(transfers.give(rank, {.move = kShareMove, .piece = 1, .pages = {{0}}}).ok());
        fill_page(transfers.cache(rank), 3, 99);  // the pages may be overwritten at once
      } else {
        // Within a process the header exchange orders a take after its give.
        EXPECT_TRUE(transfers.take(rank, {.move = kShareMove, .piece = 0, .pages = {{1}}}).ok());
        EXPECT_TRUE(transfers.take(rank, {.move = kShareMove, .piece = 1, .pages = {{2}}}).ok());
        EXPECT_TRUE(is_page_filled(transfers.cache(rank), 1, 30 + rank - 2));
        EXPECT_TRUE(is_page_filled(transfers.cache(rank), 2, 60 + rank - 2));
      }
    });
    on_each_rank(4, [&](int32_t rank) {
      for (int i = 0; i < 1000 && transfers.of(rank).is_giving(kShareMove.id, 0, rank % 2); ++i) {
        EXPECT_TRUE(transfers.of(rank).finish(rank / 2, rank % 2).ok());
      }
      EXPECT_FALSE(transfers.of(rank).is_giving(kShareMove.id, 0, rank % 2));
    });
  }
}

// They write into memory that the other process reads; more than its room for both pieces goes through the port.
TEST(ProcessKvPageTransfer, PiecesOfOneHostAreReadWhereTheyLie) {
  for (const int64_t room : {int64_t{1} << 20, int64_t{4096}}) {
    ProcessTransfers transfers({1, 1, 1, 1}, true);
    for (const int32_t process : {0, 1}) {
      ASSERT_TRUE(transfers.processes().of_process(process).hand_over()->set_room(room).ok());
    }
    on_each_rank(2, [&](int32_t rank) {
      fill_page(transfers.cache(rank), 3, 30 + rank);
      EXPECT_TRUE(transfers.give(rank, {.move = kShareMove, .piece = 0, .pages = {{3}}}).ok());
      fill_page(transfers.cache(rank), 3, 60 + rank);
      EXPECT_TRUE(transfers.give(rank, {.move = kShareMove, .piece = 1, .pages = {{3}}}).ok());
      fill_page(transfers.cache(rank), 3, 99);
      EXPECT_TRUE(room == 4096 || !transfers.of(rank).is_giving(kShareMove.id, 0, rank));
      EXPECT_TRUE(transfers.take(2 + rank, {.move = kShareMove, .piece = 1, .pages = {{2}}}).ok());
      EXPECT_TRUE(transfers.take(2 + rank, {.move = kShareMove, .piece = 0, .pages = {{1}}}).ok());
      EXPECT_TRUE(is_page_filled(transfers.cache(2 + rank), 1, 30 + rank));
      EXPECT_TRUE(is_page_filled(transfers.cache(2 + rank), 2, 60 + rank));
    });
  }
}

TEST(ProcessKvPageTransfer, APieceThatNobodyWantsIsTakenAndDropped) {
  ProcessTransfers transfers({2, 2});
  fill_page(transfers.cache(0), 3, 30);
  fill_page(transfers.cache(2), 1, 5);
  ASSERT_TRUE(transfers.give(0, {.move = kShareMove, .pages = {{3, 3}}}).ok());
  ASSERT_TRUE(transfers.take(2, {.move = kShareMove}).ok());
  EXPECT_TRUE(is_page_filled(transfers.cache(2), 1, 5));
}

TEST(ProcessKvPageTransfer, APieceOfAnotherSizeIsAnErrorThatNamesIt) {
  ProcessTransfers transfers({2, 2});
  fill_page(transfers.cache(0), 3, 30);
  ASSERT_TRUE(transfers.give(0, {.move = kShareMove, .piece = 4, .pages = {{3}}}).ok());
  EXPECT_EQ(transfers.take(2, {.move = kShareMove, .piece = 4, .pages = {{1, 2}}}).error().message,
            "piece 4 of move 7: 2048 bytes of keys and values came for 2 pages, which have 4096");
}

TEST(ProcessKvPageTransfer, TheEndOfTheWorldEndsAWait) {
  ProcessTransfers transfers({2, 2});
  std::thread taker([&] {
    const Status taken = transfers.take(2, {.move = kShareMove, .pages = {{1, 2}}});
    ASSERT_FALSE(taken.ok());
    EXPECT_NE(taken.error().message.find("rank 0 is lost"), std::string::npos) << taken.error().message;
    EXPECT_NE(taken.error().message.find("rank 2: in world take_over from rank 0"), std::string::npos)
        << taken.error().message;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  transfers.processes().of_process(0).abort("rank 0 is lost");
  taker.join();
}

TEST(ProcessKvPageTransfer, AllRanksMeasureOneRate) {
  ProcessTransfers transfers({3, 1});
  std::array<double, 4> rates{};
  on_each_rank(4, [&](int32_t rank) {
    const auto& world = transfers.processes().of_process(rank < 3 ? 0 : 1);
    const auto rate = measure_hand_over_rate(world, transfers.transport(rank), rank, 2);
    ASSERT_TRUE(rate.ok()) << rate.error().message;
    rates[static_cast<size_t>(rank)] = *rate;
  });
  EXPECT_GT(rates[0], 0);
  for (const double rate : rates) EXPECT_EQ(rate, rates[0]);
}

}  // namespace
}  // namespace braid
