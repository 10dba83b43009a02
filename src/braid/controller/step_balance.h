// How evenly the groups' tokens filled their common steps.
#pragma once

#include <cstdint>
#include <span>

#include "braid/wire/group_load.h"

namespace braid {

// Since the start. For an interval, subtract two.
struct StepBalance {
  uint64_t num_tokens = 0;       // computed, of all groups
  uint64_t num_even_tokens = 0;  // as if every group had as many in each step as the largest one

  // The mean of the groups' tokens over their maximum, for all steps together: 1 if they were equal, 1 / dp_size if one
  // group had all, 1 without a step.
  double ratio() const {
    return num_even_tokens == 0 ? 1 : static_cast<double>(num_tokens) / static_cast<double>(num_even_tokens);
  }
  StepBalance since(const StepBalance& before) const {
    return {.num_tokens = num_tokens - before.num_tokens, .num_even_tokens = num_even_tokens - before.num_even_tokens};
  }
};

// `groups`: world by world.
StepBalance step_balance(std::span<const GroupLoad> groups, int32_t groups_per_world);

}  // namespace braid
