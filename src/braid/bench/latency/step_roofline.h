// The least time that one step can take on this machine: the sum over its operations of max(bytes / bandwidth, FLOPs /
// peak), where bytes are the weights touched plus the keys and values read. Pure arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/bench/latency/weight_products.h"
#include "braid/bench/roofline/roofline.h"
#include "braid/config/model_config.h"
#include "braid/tensor/kv_codes.h"
#include "braid/wire/step_plan.h"

namespace braid {

struct StepWork {
  struct Operation {
    double bytes = 0;
    double flops = 0;  // or operations of integers
    Arithmetic arithmetic = Arithmetic::kBFloat16;
  };
  std::vector<Operation> operations;
};

// `touched_experts`: experts that the step's tokens chose, summed over its layers.
StepWork work_of_step(const ModelConfig& config, std::span<const WeightProduct> products, KvDType kv_dtype,
                      const StepPlan& plan, int64_t touched_experts);

double roofline_seconds(const StepWork& work, const Roofline& roofline);

// Equal operations once, with their number: compact enough for a report, and enough to apply other ceilings.
struct CountedOperation {
  StepWork::Operation operation;
  int64_t count = 0;
};
std::vector<CountedOperation> count_operations(const StepWork& work);

}  // namespace braid
