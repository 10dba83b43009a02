// Processes that come by images the way a DP group's do: each forked from this one, with a store and the worker's
// sender or receivers (worker/image_sender.h), in rounds over sockets in place of the world's. Tested by
// image_group_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/worker/image_strategy.h"

namespace braid::mm_broadcast {

struct GroupCase {
  int32_t num_processes = 4;
  int32_t num_threads = 2;  // of each process, that prepare images
  MmBroadcastOptions broadcast = {};
  double make_s = 0;      // of CPU time for each image; 0: decode it, resize it and cut it into patches
  int32_t hidden = 1024;  // of features
};

struct GroupRun {
  double total_s = 0;      // until every process has every image
  double cpu_s = 0;        // of all processes
  double broadcast_s = 0;  // of the sender, and of the slowest of those that take what comes
  int64_t num_broadcasts = 0;
  int64_t num_bytes = 0;  // of the messages
  int64_t num_made = 0;   // images, by all processes together
};

// One request for each image (JPEG), all at once. This process must have no other threads.
Result<GroupRun> run_group(const GroupCase& group, const std::vector<std::string>& images);

}  // namespace braid::mm_broadcast
