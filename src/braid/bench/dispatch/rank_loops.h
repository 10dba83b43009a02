// The ranks of `braid bench dispatch`: they receive what real ranks would, and answer when they have it. Tested by
// dispatch_test.cc.
//
// A publisher takes its part of each assignment map and sends its subscribers a StepPlan with all tokens of the new
// requests. It then tells the controller when the last rank of its group had read everything.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/bench/dispatch/dispatch.h"
#include "braid/wire/assignment_map_codec.h"
#include "braid/wire/transport/link.h"

namespace braid::dispatch {

inline constexpr int32_t kVocabSize = 151'936;

// CLOCK_MONOTONIC, which is the same for all processes of a host.
int64_t now_ns();

struct RankAnswer {
  uint64_t number = 0;  // of the map or the plan
  int64_t read_ns = 0;  // when the last rank covered by this answer had read it
};
SharedBytes encode(const RankAnswer& answer);
Result<RankAnswer> decode_answer(std::span<const std::byte> bytes);

LinkLimits link_limits();

// The command that ends a group's ranks.
GroupCommand stop_command(int32_t group);

// Runs until the stop command. `down`: the group's own link, to subscribers 0 … num_subscribers - 1; null without any.
Status run_publisher(PublisherLink& up, ControllerLink* down, int32_t group, int32_t num_groups,
                     int32_t num_subscribers);
Status run_subscriber(PublisherLink& up);

// Waits until `count` publishers (or subscribers) have joined. Calls `poll` now and then; its error ends the wait.
Status wait_for_all(ControllerLink& link, int32_t count, FunctionRef<Status()> poll);

}  // namespace braid::dispatch
