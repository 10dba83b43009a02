// Requests that move between groups in several processes, and pages that travel with them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/worker/rank_processes.h"

namespace braid {
namespace {

using testing::Hosts;
using testing::on_each_rank;
using testing::process_options;
using testing::Processes;
using testing::varied_request;

// Of three requests, of which the first moves to the other group and back, again and again, while the others decode.
std::map<RequestId, std::vector<SampledToken>> tokens_with_moves(const ParallelLayout& layout,
                                                                 const std::vector<int32_t>& ranks_of_each,
                                                                 int32_t* num_moves, Hosts hosts = Hosts::kMany) {
  RankOptions options = process_options(layout);
  options.moves_requests = true;
  options.max_moved_pages = 2;
  // Steps are slow until the first move is ordered, so that there is one however busy the machine is.
  std::atomic<bool> is_slow = num_moves != nullptr;
  const WorkerOptions worker{.before_step = [&](int32_t, int32_t, const StepPlan&) {
    if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }};
  Processes processes(options, ranks_of_each, worker, "gguf_qwen3_moe", make_null_logger(), hosts);
  for (RequestId id = 1; id <= 3; ++id) {
    GroupCommand command{.group = static_cast<int32_t>(id) % 2};
    command.add.push_back(varied_request(7 * id));
    command.add.back().sampling.max_new_tokens = 200;
    processes.send(std::move(command));
  }
  constexpr RequestId kRestless = 7;
  int32_t from = 1;
  for (MoveId move = 1; num_moves != nullptr; ++move) {
    processes.outcomes.wait_for_tokens(kRestless, std::min<size_t>(5 * move, 200));
    GroupCommand order{.group = from};
    order.depart.push_back({.request = kRestless, .move = {.id = move, .from_group = from, .to_group = 1 - from}});
    processes.send(std::move(order));
    auto moving = processes.outcomes.wait_for_departure(kRestless);
    is_slow = false;
    if (!moving) break;
    from = 1 - from;
    GroupCommand arrival{.group = from};
    arrival.arrive.push_back(*std::move(moving));
    processes.send(std::move(arrival));
    ++*num_moves;
  }
  return processes.outcomes.wait_for(3);
}

TEST(MovesBetweenProcesses, ARequestMovesBetweenThemWithTheSameBits) {
  const std::vector<std::pair<ParallelLayout, std::vector<std::vector<int32_t>>>> cases{
      {{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, {{2}, {1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {{2, 2}, {3, 1}, {1, 1, 1, 1}}}};
  int32_t num_all_moves = 0;
  for (const auto& [layout, spreads] : cases) {
    const auto expected = tokens_with_moves(layout, {layout.tp_size}, nullptr);
    EXPECT_EQ(expected.at(7).size(), 200U);
    for (const auto& spread : spreads) {
      for (const Hosts hosts : {Hosts::kMany, Hosts::kOne}) {
        int32_t num_moves = 0;
        EXPECT_EQ(tokens_with_moves(layout, spread, &num_moves, hosts), expected) << spread.size();
        EXPECT_GE(num_moves, 1) << spread.size();
        num_all_moves += num_moves;
      }
    }
  }
  EXPECT_GT(num_all_moves, 5) << "out, and back where the machine lets this thread order it in time";
}

TEST(MovesBetweenProcesses, PagesThatNobodyTookAreGoneWhenAllLeave) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  RankOptions options = process_options(layout);
  options.moves_requests = true;
  Processes processes(options, {1, 1});
  GroupCommand command;
  command.add.push_back(varied_request(7));
  command.add.back().sampling.max_new_tokens = 100;
  processes.send(std::move(command));
  processes.outcomes.wait_for_tokens(7, 3);
  GroupCommand order;
  order.depart.push_back({.request = 7, .move = {.id = 1, .from_group = 0, .to_group = 1}});
  processes.send(std::move(order));
  ASSERT_TRUE(processes.outcomes.wait_for_departure(7).has_value());
  processes.end();
  on_each_rank(2, [&](int32_t process) {
    const Status left = processes.leave(static_cast<size_t>(process));
    EXPECT_TRUE(left.ok()) << left.error().message;
  });
}

}  // namespace
}  // namespace braid
