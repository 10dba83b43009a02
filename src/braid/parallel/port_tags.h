// What the tags of a ProcessPort stand for.
#pragma once

#include <cstdint>

#include "braid/parallel/process_port.h"

namespace braid {

inline constexpr int32_t kHelloTag = 1;      // process_join.h
inline constexpr int32_t kHeadTag = 2;       // message_head.h
inline constexpr int32_t kPingTag = 4;       // port_ping.h
inline constexpr int32_t kFirstDataTag = 8;  // from here on to the last: the data of long messages, in turn
inline constexpr int32_t kLastDataTag = ProcessPort::kMaxTag / 2;
inline constexpr int32_t kSecondWorldTags =
    kLastDataTag + 1;  // added to all of these in a second world (shared_port.h)

}  // namespace braid
