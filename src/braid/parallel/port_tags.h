// What the tags of a ProcessPort stand for.
#pragma once

#include <cstdint>

#include "braid/parallel/process_port.h"

namespace braid {

inline constexpr int32_t kHelloTag = 1;      // process_join.h
inline constexpr int32_t kHeadTag = 2;       // message_head.h
inline constexpr int32_t kPingTag = 4;       // port_ping.h
inline constexpr int32_t kFirstDataTag = 8;  // from here on to kMaxTag: the data of long messages, in turn

}  // namespace braid
