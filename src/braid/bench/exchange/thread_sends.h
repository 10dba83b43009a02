// What threads of one process send each other, beside what memcpy does in the same run. Tested by exchange_test.cc.
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {

// Every thread sends the same number of bytes to every other: seconds of the slowest, median.
struct ThreadSendFigures {
  int64_t bytes = 0;
  double local_seconds = 0;    // all_gather() of ranks that share memory
  double message_seconds = 0;  // of ranks that copy through queues
  double copy_seconds = 0;     // memcpy of the bytes that a thread receives, all threads at once
};

Result<std::vector<ThreadSendFigures>> measure_thread_sends(int32_t num_threads, int32_t repeats);

Json thread_sends_json(const std::vector<ThreadSendFigures>& sends);
void print_thread_sends(int32_t num_threads, const std::vector<ThreadSendFigures>& sends, std::FILE* out);

}  // namespace braid
