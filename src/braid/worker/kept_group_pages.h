// The pages that the ranks of a world leave to those of its next start (kv/kept_pages.h): what steps do to them, and
// which of them all ranks of a group have. Tested by kept_ranks_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/kv/kept_pages.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"
#include "braid/worker/process_ranks.h"

namespace braid {

// Before anything of the step is written to the rank's pages.
void begin_kept_step(KeptPages& kept, const StepPlan& plan, int32_t page_size);
// The step is done. What belongs to a sequence that ends with an error is not kept.
void end_kept_step(KeptPages& kept, const StepPlan& plan, const StepResult& result, int32_t page_size);

// Of each own rank: where it publishes its group's plans, the pages that all ranks of the group have from the last
// start, for Scheduler::adopt(). Begins a start on all of them. `kept`: of each own rank; null where it keeps none.
// All processes call it at once.
Result<std::vector<std::vector<KeptPage>>> agree_on_kept_pages(const ProcessRanks& ranks,
                                                               std::span<const std::unique_ptr<KeptPages>> kept);

}  // namespace braid
