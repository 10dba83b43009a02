// One port for two worlds of the same processes: that of the ranks, and one beside it in which each process is one
// member. Each has tags of its own. They end together: when one of them gives the port up, the other finds that it has
// failed. Tested by shared_port_test.cc.
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "braid/parallel/process_port.h"

namespace braid {

// The views may be used by different threads at the same time; of each view, as of any port, one call at a time.
std::array<std::shared_ptr<ProcessPort>, 2> share_port(std::shared_ptr<ProcessPort> port);

}  // namespace braid
