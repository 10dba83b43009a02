// Page tables without a scheduler: every sequence has pages of its own. For benchmarks, a prompt's logits and tests. In
// a KV group with a window the pages form a ring: pages behind the window are reused. Tested by
// static_page_tables_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan.h"

namespace braid {

class StaticPageTables {
 public:
  // For sequences of up to `max_len` tokens, with at most config.chunked_prefill_size new ones in a step.
  StaticPageTables(const SchedulerConfig& config, int64_t max_len);

  // An error if the pools cannot hold that many sequences.
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
