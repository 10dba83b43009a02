// Encodes requests and moves within the messages of wire/ (assignment_map.fbs, step_plan.fbs). Tested by
// assignment_map_codec_test.cc and step_plan_codec_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/assignment_map_generated.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/move.h"
#include "braid/wire/step_plan_generated.h"

namespace braid {

// The limits of requests in a message; both ends know them from the start.
struct RequestLimits {
  int64_t max_prompt_len = 0;
  int64_t context_len = 0;  // prompt and output of a sequence that moves
  int32_t vocab_size = 0;
  int32_t num_groups = 1;
};

size_t expected_request_bytes(const SchedulerRequest& request);  // encoded, about
flat::Offset<assignment_map_format::Request> encode_request(flat::Builder& builder, const SchedulerRequest& request);
Result<SchedulerRequest> decode_request(const assignment_map_format::Request& from, const RequestLimits& limits);

step_plan_format::Move encode_move(const Move& move);
// `may_come_back`: a move without pages may lead to the group that it came from, which was lost and has started again.
Result<Move> decode_move(const step_plan_format::Move* from, int32_t num_groups, bool may_come_back = false);

using MovingSequences = flatbuffers::Vector<flat::Offset<assignment_map_format::MovingSequence>>;
flat::Offset<MovingSequences> encode_moving(flat::Builder& builder, const std::vector<MovingSequence>& moving);
// At most max_count sequences. An error names the request.
Result<std::vector<MovingSequence>> decode_moving(const MovingSequences* from, int64_t max_count,
                                                  const RequestLimits& limits);

}  // namespace braid
