// How assignment maps reach the groups. Tested by tests/e2e/test_data_parallel.py.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

enum class DispatchMode : uint8_t {
  kBroadcast,  // one buffer with all commands to all publishers; each takes its part
  kDirect,     // each publisher gets only its own commands
};
Result<DispatchMode> parse_dispatch_mode(std::string_view name);  // "broadcast", "direct"
std::string_view dispatch_mode_name(DispatchMode mode);

}  // namespace braid
