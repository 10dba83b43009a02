#include "braid/bench/exchange/thread_sends.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <span>
#include <thread>
#include <utility>

#include "braid/bench/timing.h"
#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"

namespace braid {
namespace {

constexpr std::array<int64_t, 5> kThreadSendBytes{8, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024};

// What a rank has, and room for what all have.
struct SendBuffers {
  std::vector<std::byte> own;
  std::vector<std::byte> all;
};

// Runs work(rank) on a thread for each rank of the world, so often, between barriers. Seconds of the slowest, median.
Result<double> time_threads(const ThreadWorld& world, int32_t repeats,
                            const std::function<Status(int32_t rank)>& work) {
  const auto num_ranks = static_cast<size_t>(world.own_ranks().end);
  std::vector<std::vector<double>> seconds(num_ranks);
  std::vector<Status> results(num_ranks);
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto number = static_cast<int32_t>(rank);
      for (int32_t i = 0; i <= repeats && results[rank].ok(); ++i) {  // the first warms up
        results[rank] = world.world(number).barrier();
        if (!results[rank].ok()) return;
        const double once_s = seconds_of([&] { results[rank] = work(number); });
        if (i > 0) seconds[rank].push_back(once_s);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Status& result : results) TRY_STATUS(result);
  for (size_t rank = 1; rank < num_ranks; ++rank) {
    for (size_t i = 0; i < seconds[rank].size(); ++i) seconds[0][i] = std::max(seconds[0][i], seconds[rank][i]);
  }
  return median(std::move(seconds[0]));
}

}  // namespace

Result<std::vector<ThreadSendFigures>> measure_thread_sends(int32_t num_threads, int32_t repeats) {
  const auto num_ranks = static_cast<size_t>(num_threads);
  const LocalWorld local({.tp_size = num_threads});
  const MessageWorld messages({.tp_size = num_threads});
  std::vector<ThreadSendFigures> figures;
  for (const int64_t bytes : kThreadSendBytes) {
    const auto size = static_cast<size_t>(bytes);
    std::vector<SendBuffers> buffers(num_ranks);
    for (SendBuffers& own : buffers) {
      own.own.assign(size, std::byte{1});
      own.all.resize(size * num_ranks);
    }
    const auto gather_over = [&](const ThreadWorld& world) {
      return time_threads(world, repeats, [&](int32_t rank) {
        SendBuffers& own = buffers[static_cast<size_t>(rank)];
        return world.world(rank).all_gather(own.own, own.all);
      });
    };
    ThreadSendFigures& one = figures.emplace_back();
    one.bytes = bytes;
    TRY(one.local_seconds, gather_over(local));
    TRY(one.message_seconds, gather_over(messages));
    TRY(one.copy_seconds, time_threads(local, repeats, [&](int32_t rank) {
          SendBuffers& own = buffers[static_cast<size_t>(rank)];
          for (size_t other = 0; other < num_ranks; ++other) {
            if (other == static_cast<size_t>(rank)) continue;
            std::memcpy(own.all.data() + other * size, buffers[other].own.data(), size);
          }
          return Status();
        }));
  }
  return figures;
}

Json thread_sends_json(const std::vector<ThreadSendFigures>& sends) {
  Json all = Json::array();
  for (const ThreadSendFigures& one : sends) {
    all.push_back({{"bytes", one.bytes},
                   {"local_seconds", one.local_seconds},
                   {"message_seconds", one.message_seconds},
                   {"copy_seconds", one.copy_seconds}});
  }
  return all;
}

void print_thread_sends(int32_t num_threads, const std::vector<ThreadSendFigures>& sends, std::FILE* out) {
  fmt::print(out, "{} threads; each sends to every other at once: time, and bytes that it receives\n", num_threads);
  fmt::print(out, "{:>8} {:>12} {:>12} {:>10} {:>12} {:>16}\n", "bytes", "shared us", "messages us", "memcpy us",
             "shared GB/s", "memcpy GB/s");
  for (const ThreadSendFigures& one : sends) {
    const double gigabytes = static_cast<double>(one.bytes * (num_threads - 1)) * 1e-9;
    fmt::print(out, "{:>8} {:>12.1f} {:>12.1f} {:>10.2f} {:>12.2f} {:>16.2f}\n", one.bytes, one.local_seconds * 1e6,
               one.message_seconds * 1e6, one.copy_seconds * 1e6, gigabytes / one.local_seconds,
               gigabytes / one.copy_seconds);
  }
}

}  // namespace braid
