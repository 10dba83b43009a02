// What tests tell a group's publisher to do.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "braid/worker/group_publisher.h"

namespace braid::testing {

inline constexpr SchedulerConfig kPublisherConfig{
    .num_pages = 16, .page_size = 4, .context_len = 32, .max_running_requests = 4, .chunked_prefill_size = 8};

inline GroupCommand published_request(RequestId id, size_t prompt_len, int32_t max_new_tokens) {
  SchedulerRequest request{
      .id = id, .prompt = std::vector<TokenId>(prompt_len, static_cast<TokenId>(id)), .arrival = id};
  request.sampling.max_new_tokens = max_new_tokens;
  return {.add = {std::move(request)}};
}

inline std::vector<GroupCommand> commands_of(std::initializer_list<GroupCommand> commands) {
  return commands;
}

}  // namespace braid::testing
