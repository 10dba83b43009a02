// Page tables without a scheduler, where every sequence has pages of its own: for benchmarks, a prompt's logits, tests.
// Where a KV group has a window they are a ring, in which pages behind the window are used again.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan.h"

namespace braid {

class StaticPageTables {
 public:
  // For sequences of up to `max_len` tokens each, at most config.chunked_prefill_size of them new in one step.
  StaticPageTables(const SchedulerConfig& config, int64_t max_len);

  // An error if the pools do not hold so many sequences.
  Status check_room(int64_t num_sequences) const;

  // For new tokens at [first_position, end) of sequence `index`.
  std::vector<PageTable> tables(int64_t index, int64_t first_position, int64_t end) const;

 private:
  int32_t page_size_;
  int64_t max_len_;
  std::vector<KvGroupPool> kv_groups_;
  std::vector<int64_t> pages_each_;  // by KV group
};

}  // namespace braid
