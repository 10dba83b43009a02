// Which running request moves to which DP group (--kv-rebalance). Pure functions over plain data.
//
// Balancing starts when the fullest group runs many more requests than the emptiest (each request is one token of every
// step), and goes on until they are nearly equal. Small differences move nothing. A group that has run out of pages, so
// that its requests wait, also gives requests to a group with many free pages. A moved request stays for a while, and
// no move makes its target fuller than its source was, so nothing moves back and forth.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "braid/request/ids.h"

namespace braid {

struct RebalanceOptions {
  int32_t start_gap = 4;      // balancing starts at this difference between the fullest and the emptiest group,
  double start_share = 0.25;  // if it is at least this share of the fullest group's requests,
  int32_t stop_gap = 1;       // and goes on until the difference is at most this
  int32_t max_under_way = 4;
  int32_t min_stay = 32;      // tokens that a moved request generates before it may move again
  int32_t min_left = 8;       // a request with fewer tokens left to generate does not move
  double room_share = 0.125;  // of the target's pages that stay free after a move
  // Of all requests on their way, whose copies take memory. A longer request never moves.
  int64_t max_tokens = std::numeric_limits<int64_t>::max();
};

// A group, counting everything on its way to it and nothing on its way from it.
struct GroupBalance {
  int64_t num_requests = 0;
  int32_t num_pages = 0;  // in its pool
  int32_t page_size = 16;
  int32_t free_requests = 0;  // its credits
  int64_t free_pages = 0;
  int32_t max_request_pages = 0;  // Credits::max_request_pages
  bool is_starved = false;        // its requests wait for pages, and none are free
  bool is_lost = false;           // takes no part
};

// A decoding request that may run in any group and is not moving.
struct MovableRequest {
  RequestId request = 0;
  int32_t group = 0;
  int64_t num_tokens = 0;  // prompt and output so far
  uint64_t arrival = 0;
};

struct MoveChoice {
  size_t index = 0;  // of the movable requests
  int32_t to_group = 0;

  bool operator==(const MoveChoice&) const = default;
};

// Whether groups should be balanced by their numbers of requests now, given whether they were being balanced before.
bool is_unbalanced(std::span<const GroupBalance> groups, bool was_unbalanced, const RebalanceOptions& options);
// Whether any request should move at all. If not, the caller need not list the movable ones.
bool wants_moves(std::span<const GroupBalance> groups, bool is_unbalanced);

// The next move, if there is one. The request that came last leaves a starved group: it waits already, or would be
// preempted next. Otherwise the request with the fewest tokens moves, as it has the fewest bytes. Ties go to the lowest
// group and to the request that came last.
std::optional<MoveChoice> pick_move(std::span<const GroupBalance> groups, std::span<const MovableRequest> movable,
                                    bool is_unbalanced, const RebalanceOptions& options);

// Pages that a request of this many tokens takes from a group's credits: its own and one to grow, or the most that a
// request can hold (0: no limit), if that is fewer.
int64_t pages_of_move(int64_t num_tokens, int32_t page_size, int32_t max_request_pages);

}  // namespace braid
