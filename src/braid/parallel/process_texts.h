// A short text of every process of a job, for all of them: how they agree before their ranks have a world. Tested by
// process_join_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/process_port.h"

namespace braid {

inline constexpr size_t kMaxProcessText = 4096;  // bytes

// The texts by process. All processes of the port call it at once, and no world uses the port. A process that does not
// come within `timeout_s` is named in the error, "process 2 of 4 has not `done` within 60 s", and the port is given up.
Result<std::vector<std::string>> gather_texts(ProcessPort& port, std::string_view own, std::string_view done,
                                              double timeout_s);

}  // namespace braid
