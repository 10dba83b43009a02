// Links between threads of one process: queues of shared buffers, without copies. Tested by link_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/wire/transport/link.h"

namespace braid {

struct InProcessLinks {
  std::unique_ptr<ControllerLink> controller;
  std::vector<std::unique_ptr<PublisherLink>> publishers;  // of groups 0 to num_groups - 1; all have joined
};

InProcessLinks make_in_process_links(int32_t num_groups, const LinkLimits& limits = {});

}  // namespace braid
