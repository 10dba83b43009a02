#include "braid/controller/step_balance.h"

#include <algorithm>

namespace braid {

// An idle group has not reported the others' last steps. The group that reported the most steps has seen them all.
StepBalance step_balance(std::span<const GroupLoad> groups, int32_t groups_per_world) {
  const auto size = static_cast<size_t>(groups_per_world);
  StepBalance balance;
  for (size_t first = 0; first < groups.size(); first += size) {
    uint64_t num_longest = 0;
    for (const GroupLoad& group : groups.subspan(first, size)) {
      balance.num_tokens += group.num_step_tokens;
      num_longest = std::max(num_longest, group.num_longest_tokens);
    }
    balance.num_even_tokens += num_longest * size;
  }
  return balance;
}

}  // namespace braid
