// Where the ranks of one group in one process find its publisher's plans. Tested by plan_board_test.cc.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "braid/base/result.h"
#include "braid/wire/step_plan.h"

namespace braid {

class PlanBoard {
 public:
  // By one rank, once a round; null if the group has nothing to do. A plan stays until the next but one is put, by when
  // all ranks have met in two header exchanges.
  void put(uint64_t round, std::shared_ptr<const StepPlan> plan);

  // By any rank. Waits until the round's plan is there, or until the world has ended: an error.
  Result<std::shared_ptr<const StepPlan>> wait_for(uint64_t round);

  // No plan will be put any more.
  void end();

 private:
  struct Posted {
    uint64_t round = 0;
    std::shared_ptr<const StepPlan> plan;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Posted, 2> posted_;  // of even and odd rounds
  bool has_ended_ = false;
};

}  // namespace braid
