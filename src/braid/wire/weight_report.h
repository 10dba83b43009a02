// What a check of all ranks' weights has found. Plain data. Tested by api/weight_log_test.cc and
// tests/e2e/test_check_weights.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/wire/cluster_status.h"

namespace braid {

struct WeightReport {
  std::vector<NodeStatus> nodes;
  std::vector<RankStatus> ranks;       // that were checked, ascending, with what was found
  int64_t num_pages = 0;               // what ranks of a process share counts once, here and below
  int64_t num_bad_pages = 0;           // of them: are not what was loaded
  std::vector<std::string> unchecked;  // a line for each process that was not checked, and why
};

}  // namespace braid
