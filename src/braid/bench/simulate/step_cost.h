// How long a step of a simulated world takes. Tested by simulate_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/wire/step_plan.h"

namespace braid::simulate {

// Figures of one rank that computes everything by itself. The defaults are measured: Qwen3-0.6B's shape on two cores of
// a Zen 5 (docs/performance.md). With them a step of 8 streams of 8 192 tokens takes 208 ms (measured: 214), and a
// prompt of 8 192 tokens 21.5 s (21.4).
struct StepCost {
  double weights_ms = 26;  // to read all weights once
  double token_us = 1080;  // the products of one token
  double attention_share =
      0.3;               // of weights and products: each group's own. The other layers are split over the groups
  double read_us = 2.4;  // to read one position's keys and values
  double pair_ns = 370;  // one query against one position's keys and values
  double copy_us = 25;   // to copy one position's keys and values out to another group, or in from it
  int32_t page_size = 16;
};

// How long a step takes. `own_s`: each group's attention; `even_s`: the rest, of which each has an equal share.
struct StepSeconds {
  std::vector<double> own_s;
  double even_s = 0;

  double total_s() const;  // all wait for the slowest group
};
// `plans`: by group, which all step together; null: the group is idle. `slowness`: how many times longer each group
// takes for the same work.
StepSeconds step_seconds(const StepCost& cost, std::span<const std::shared_ptr<const StepPlan>> plans,
                         std::span<const double> slowness);

}  // namespace braid::simulate
