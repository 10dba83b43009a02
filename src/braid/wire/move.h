// A sequence that goes from one DP group to another, as the messages of this room tell of it: plain data. The
// controller orders its departure; the source's next plan has its pages leave, and its outputs after that step tell
// what the target must know; the controller gives that to the target, whose next plan has the pages arrive.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"

namespace braid {

using MoveId = uint64_t;  // unique in an engine: a request may move more than once

inline constexpr int32_t kMaxMovesUnderWay = 64;  // of all groups
inline constexpr int32_t kMaxKvGroups = 8;        // of one model

// Groups are numbered over all worlds. Rank i of the source hands its part to rank i of the target.
struct Move {
  MoveId id = 0;
  int32_t from_group = 0;
  int32_t to_group = 0;
  // Whose keys and values travel, of all KV groups together; 0: none, the sequence waited for pages when it left.
  int32_t num_pages = 0;

  bool operator==(const Move&) const = default;
};

// How many pages travel is not known yet.
struct DepartOrder {
  RequestId request = 0;
  Move move;

  bool operator==(const DepartOrder&) const = default;
};

// All that one group's scheduler knows of a sequence and another's must, but its pages.
struct MovedSequence {
  SchedulerRequest request;
  std::vector<TokenId> output;  // so far; at least one
  int32_t cached_tokens = 0;    // of its prompt, where it first ran

  bool operator==(const MovedSequence&) const = default;
};

struct MovingSequence {
  Move move;
  MovedSequence sequence;

  bool operator==(const MovingSequence&) const = default;
};

// The part of a step in a move: pages that are copied out, or in, before anything else of the step reads or writes.
struct MovedPages {
  Move move;
  // By KV group, in the order of their positions; move.num_pages in all. Of those that arrive there may be none, and no
  // groups: then what comes is taken and dropped, since nobody needs it any more or there was no room.
  std::vector<std::vector<PageId>> pages = {};

  bool operator==(const MovedPages&) const = default;
};

}  // namespace braid
