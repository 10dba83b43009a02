// Encodes the spans of a profile within a ProcessMessage (process_message.fbs). Tested by profile_part_codec_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/process_message.h"
#include "braid/wire/process_message_generated.h"

namespace braid {

// Whether it can be a time of monotonic_seconds(): more than some centuries would make a trace unreadable.
inline bool is_profile_time(double seconds) {
  return seconds >= 0 && seconds <= 1e10;
}

flat::Offset<process_message_format::ProfilePart> encode_profile_part(flat::Builder& builder, const ProfilePart& part);

// An error if there are more than ProfilePart::kMaxSpans, if lists differ in length, or if a span has no known phase or
// no length from 0 on at a time from 0 on.
Result<ProfilePart> decode_profile_part(const process_message_format::ProfilePart& from);

}  // namespace braid
