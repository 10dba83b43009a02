// Messages about a sequence that moves from one DP group to another, or about a prefix that one group copies from
// another (then the source's outputs carry what it had of the prefix, as a sequence without output). Plain data. The
// controller orders the departure. The source's next plans make the pages leave, piece by piece, and its outputs after
// the step with the last piece carry what the target must know. The controller sends that to the target, whose next
// plans make the pages arrive.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"

namespace braid {

using MoveId = uint64_t;  // unique in an engine; a request may move more than once

inline constexpr int32_t kMaxMovesUnderWay = 64;  // of all groups
inline constexpr int32_t kMaxKvGroups = 8;        // of one model

// Groups are numbered over all worlds. Rank i of the source sends its part to rank i of the target.
struct Move {
  MoveId id = 0;
  int32_t from_group = 0;
  int32_t to_group = 0;
  // Pages that travel, of all KV groups together; 0: the sequence was waiting for pages when it left.
  int32_t num_pages = 0;

  bool operator==(const Move&) const = default;
};

// The number of pages is not known yet.
struct DepartOrder {
  RequestId request = 0;
  Move move;
  // Not empty: the request is not there, and stays where it is. A copy leaves of what the prefix cache has of these
  // tokens, with which a prompt of `prompt_len` tokens begins.
  std::vector<TokenId> prefix = {};
  int32_t prompt_len = 0;

  bool operator==(const DepartOrder&) const = default;
};

// All that the target's scheduler must know about a sequence, except its pages.
struct MovedSequence {
  SchedulerRequest request;
  std::vector<TokenId> output;  // so far; empty: it has not begun, and the pages are a copy of its prefix
  int32_t cached_tokens = 0;    // prompt tokens found in the prefix cache where it first ran; of a prefix: its length

  bool is_prefix() const { return output.empty(); }

  bool operator==(const MovedSequence&) const = default;
};

struct MovingSequence {
  Move move;
  MovedSequence sequence;

  bool operator==(const MovingSequence&) const = default;
};

// A step's part in a move: pages that are copied out or in before anything else in the step reads or writes.
struct MovedPages {
  Move move;
  int32_t piece =
      0;  // of the move, from 0. Both groups cut a move in the same way (SchedulerConfig::moved_piece_pages).
  // The piece's pages, by KV group and in order of position. On arrival this may be empty: then the piece is received
  // and dropped, because the sequence was aborted or there was no room.
  std::vector<std::vector<PageId>> pages = {};

  bool operator==(const MovedPages&) const = default;
};

}  // namespace braid
