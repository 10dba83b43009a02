// Where an engine's ranks are: in this process (local_ranks.h) or in others (remote_ranks.h). Tested by engine_test.cc
// and tests/e2e/test_rank_processes.py.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/controller/controller_thread.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/parallel/topology.h"
#include "braid/wire/group_host.h"
#include "braid/wire/image_counts.h"
#include "braid/wire/profile.h"
#include "braid/wire/transport/link.h"
#include "braid/wire/weight_report.h"

namespace braid {

class EngineRanks {
 public:
  virtual ~EngineRanks() = default;

  virtual const ParallelLayout& layout() const = 0;
  virtual ControlledGroups groups() const = 0;
  // Of all sequences that are on their way between groups at one time.
  virtual int64_t max_moving_tokens() const = 0;
  // Of each world, as it has measured them; none where ranks share memory.
  virtual std::vector<ExchangeCosts> exchange_costs() const { return {}; }

  virtual ImageCounts image_counts() const { return {}; }

  // The controller's end of the groups' links. Call once.
  virtual std::unique_ptr<ControllerLink> take_link() = 0;
  virtual GroupHost& control() = 0;

  // Outputs go to the controller from now on, which outlives this object or its stop().
  virtual void start(ControllerThread& controller) = 0;
  // Ends the ranks after the step that is under way.
  virtual void stop() = 0;

  // Records what every rank does until stop_profile(), which waits for what other processes have recorded.
  virtual void start_profile() = 0;
  virtual Profile stop_profile() = 0;

  // Compares all ranks' weights with what was loaded, beside their steps. From any thread, one at a time.
  virtual WeightReport check_weights() = 0;
};

}  // namespace braid
