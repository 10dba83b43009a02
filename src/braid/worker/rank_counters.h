// What a rank has done, counted by its thread and read by any. Tested by world_test.cc and api/engine_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

#include "braid/wire/cluster_status.h"

namespace braid {

class RankCounters {
 public:
  // By one thread at a time.
  void add(const RankCounts& more) {
    raise(num_steps_, more.num_steps);
    raise(step_s_, more.step_s);
    raise(exchange_s_, more.exchange_s);
    raise(even_work_s_, more.even_work_s);
  }
  RankCounts read() const {
    return {.num_steps = num_steps_.load(std::memory_order_relaxed),
            .step_s = step_s_.load(std::memory_order_relaxed),
            .exchange_s = exchange_s_.load(std::memory_order_relaxed),
            .even_work_s = even_work_s_.load(std::memory_order_relaxed)};
  }

 private:
  template <typename T>
  static void raise(std::atomic<T>& count, T more) {
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> num_steps_{0};
  std::atomic<double> step_s_{0};
  std::atomic<double> exchange_s_{0};
  std::atomic<double> even_work_s_{0};
};

}  // namespace braid
