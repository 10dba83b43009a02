// How the ranks exchange their headers, once a round (step_protocol.h). Tested by header_exchange_test.cc,
// world_test.cc and world_fault_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/worker/step_protocol.h"

namespace braid {

class HeaderExchange {
 public:
  virtual ~HeaderExchange() = default;
  // Fills `all` [ranks] with every rank's header of this round. An error ends the world. Never waits for ever.
  virtual Status exchange(const StepHeader& own, std::span<StepHeader> all) = 0;
  virtual size_t num_ranks() const = 0;  // of the world
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
  size_t num_ranks() const override { return 1; }
  void abort(const std::string& /*reason*/) override {}
};

// For several ranks: one all-gather of the world. Collectives until the next exchange belong to this round.
class WorldHeaders final : public HeaderExchange {
 public:
  explicit WorldHeaders(WorldCommunicator world);

  Status exchange(const StepHeader& own, std::span<StepHeader> all) override;
  size_t num_ranks() const override { return static_cast<size_t>(world_.size()); }
  void abort(const std::string& reason) override { world_.abort(reason); }

 private:
  // As it travels: every field and nothing between them, so that compilers do not matter.
  static constexpr size_t kWords = 9;
  using Words = std::array<uint64_t, kWords>;
  static Words encode(const StepHeader& header);
  static StepHeader decode(const Words& words);

  WorldCommunicator world_;
  std::vector<Words> all_;  // of the last exchange
};

}  // namespace braid
