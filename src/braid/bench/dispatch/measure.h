// The controller of `braid bench dispatch`: sends maps, and measures the time until the last rank concerned has read
// each. Tested by dispatch_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/transport/dispatch.h"

namespace braid::dispatch {

// What is sent: maps with a number of requests each, dealt to the groups in turn.
struct Load {
  int32_t prompt_len = 128;
  int32_t batch = 1;   // requests in a map
  int32_t window = 1;  // maps under way at the same time
  int32_t num_maps = 1;
};

struct Figures {
  double requests_per_s = 0;
  double p50_us = 0;  // from before a map is encoded until the last rank concerned has read its part
  double p99_us = 0;
  double bytes_per_request = 0;       // of the encoded buffers
  double sent_bytes_per_request = 0;  // counted once for each receiver
};

class Controller {
 public:
  Controller(ControllerLink& link, DispatchMode mode, int32_t num_groups)
      : link_(link), dispatcher_(link, mode, num_groups), num_groups_(num_groups) {}

  Result<Figures> measure(const Load& load);
  Status stop_ranks();

 private:
  std::vector<GroupCommand> make_commands(const Load& load, int32_t map);

  ControllerLink& link_;
  Dispatcher dispatcher_;
  const int32_t num_groups_;
  RequestId next_request_ = 1;
  std::vector<TokenId> prompt_;  // the same for every request
};

}  // namespace braid::dispatch
