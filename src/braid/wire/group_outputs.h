// What a DP group tells the controller after each step: what became of its requests, and how much it has to do. Plain
// data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/request_outcome.h"

namespace braid {

// Which prefixes a group has in its cache, as hashes: one for each page, of all tokens up to its end. What changed
// since the group's last outputs, or all of them.
struct PrefixDigest {
  bool is_whole = false;  // `added` is all there is
  std::vector<uint64_t> added;
  std::vector<uint64_t> removed;

  bool operator==(const PrefixDigest&) const = default;
};

struct GroupLoad {
  int32_t num_running = 0;     // requests that hold pages
  int32_t num_waiting = 0;     // admitted requests that wait for pages
  int64_t running_tokens = 0;  // prompts and outputs of all admitted requests
  int64_t waiting_tokens = 0;  // of prompts, still to be computed
  int32_t num_pages = 0;
  int32_t num_free_pages = 0;   // those that only the prefix cache holds included
  int32_t credit_requests = 0;  // requests and pages that it can take now (scheduler/policy.h: Credits)
  int64_t credit_pages = 0;
  double step_s = 0;  // the step that these outputs are of; 0: none was run
  PrefixDigest prefixes;

  bool operator==(const GroupLoad&) const = default;
};

struct GroupOutputs {
  int32_t group = 0;
  uint64_t sequence = 0;  // counts this group's outputs, from 1, so that the controller sees when some are lost
  uint64_t seen_map = 0;  // the last AssignmentMap that the group took
  uint64_t step = 0;      // 0: none was run
  std::vector<RequestOutcome> outcomes;
  GroupLoad load;
  std::optional<int64_t> num_flushed_tokens;  // the answer to flush_cache
  std::string error;                          // not empty: the group's world has ended, and why

  bool operator==(const GroupOutputs&) const = default;
};

}  // namespace braid
