// How the ranks exchange their headers, once a round (step_protocol.h). Tested by world_test.cc and
// world_fault_test.cc.
#pragma once

#include <span>
#include <string>

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/worker/step_protocol.h"

namespace braid {

class HeaderExchange {
 public:
  virtual ~HeaderExchange() = default;
  // Fills `all` [ranks] with every rank's header of this round. An error ends the world. Never waits for ever.
  virtual Status exchange(const StepHeader& own, std::span<StepHeader> all) = 0;
  // This rank leaves: everything that its peers wait for ends with an error.
  virtual void abort(const std::string& reason) = 0;
};

// For a rank that is alone in its world.
class SingleRankHeaders final : public HeaderExchange {
 public:
  Status exchange(const StepHeader& own, std::span<StepHeader> all) override {
    all[0] = own;
    return {};
  }
  void abort(const std::string& /*reason*/) override {}
};

// For several ranks: one all-gather of the world. Collectives until the next exchange belong to this round.
class WorldHeaders final : public HeaderExchange {
 public:
  explicit WorldHeaders(WorldCommunicator world) : world_(world) {}

  Status exchange(const StepHeader& own, std::span<StepHeader> all) override {
    world_.begin_step(static_cast<int64_t>(own.round));
    return world_.all_gather(bytes_of(own), std::as_writable_bytes(all));
  }
  void abort(const std::string& reason) override { world_.abort(reason); }

 private:
  WorldCommunicator world_;
};

}  // namespace braid
