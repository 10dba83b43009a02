// How one process tells another where its shared memory is. Tested by host_memory_test.cc and hand_over_mail_test.cc.
#pragma once

#include "braid/base/shared_segment.h"
#include "braid/parallel/call_bytes.h"

namespace braid {

inline constexpr size_t kSegmentBytes = 16;

inline void put_segment(ByteWriter& out, const SharedSegment::Handle& handle) {
  out.put(handle.pid);
  out.put(handle.fd);
  out.put(handle.bytes);
}

inline SharedSegment::Handle get_segment(ByteReader& in) {
  SharedSegment::Handle handle;
  handle.pid = in.get<int32_t>();
  handle.fd = in.get<int32_t>();
  handle.bytes = in.get<int64_t>();
  return handle;
}

}  // namespace braid
