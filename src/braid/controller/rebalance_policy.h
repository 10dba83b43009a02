// Which running request moves to which DP group (--kv-rebalance), as pure functions over plain data.
//
// Groups are balanced when the fullest runs many more requests than the emptiest, each of which is a token of every
// step, and then until they are nearly equal: so small differences move nobody. Besides, a group whose pages have run
// out, so that requests wait in it, gives to one that has many left. What has moved stays for a while, and no move
// makes its target fuller than its source was: nothing goes to and fro.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "braid/request/ids.h"

namespace braid {

struct RebalanceOptions {
  int32_t start_gap = 4;      // requests between the fullest and the emptiest group from which groups are balanced,
  double start_share = 0.25;  // if it is at least this share of the fullest's
  int32_t stop_gap = 1;       // until it is at most this
  int32_t max_under_way = 4;
  int32_t min_stay = 32;      // tokens that a moved request gets before it may move again
  int32_t min_left = 8;       // tokens that a request may still get, or its move is not worth it
  double room_share = 0.125;  // of the target's pages that must be left when it has taken one in
};

// A group with all that is on its way to it, and without what is on its way from it.
struct GroupBalance {
  int64_t num_requests = 0;
  int32_t num_pages = 0;  // of its pool
  int32_t page_size = 16;
  int32_t free_requests = 0;  // its credits
  int64_t free_pages = 0;
  int32_t max_request_pages = 0;  // Credits::max_request_pages
  bool is_starved = false;        // requests wait in it for pages, and none are to be had
};

// A request that decodes, that may be in any group, and that is not on its way.
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

// Whether groups are to be balanced by their numbers of requests, after whether they were.
bool is_unbalanced(std::span<const GroupBalance> groups, bool was_unbalanced, const RebalanceOptions& options);
// Whether any request should move at all: who asks need not list the movable ones otherwise.
bool wants_moves(std::span<const GroupBalance> groups, bool is_unbalanced);

// The next move, if one is to be made. Out of a starved group goes who came last: it waits already, or is the next to
// be preempted. Else the request with the fewest tokens, which are the fewest bytes. Ties go to the lowest group and to
// who came last.
std::optional<MoveChoice> pick_move(std::span<const GroupBalance> groups, std::span<const MovableRequest> movable,
                                    bool is_unbalanced, const RebalanceOptions& options);

// Pages that a request of so many tokens takes from a group's credits: its own and one to grow, or as many as a request
// can hold (0: any number) where that is fewer.
int64_t pages_of_move(int64_t num_tokens, int32_t page_size, int32_t max_request_pages);

}  // namespace braid
