// Carries the plans of a group whose ranks are in several processes: as bytes, one message for each of the other
// processes, which is on its way before the headers are exchanged. The images that a plan needs travel behind it.
// Tested by rank_processes_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan_codec.h"
#include "braid/worker/image_carrier.h"
#include "braid/worker/step_protocol.h"

namespace braid {

// The most that a plan may hold for a group with such a scheduler.
StepPlanLimits step_plan_limits(const SchedulerConfig& group, int64_t vocab_size, int32_t num_groups);

// What a courier needs where the model takes images.
struct CourierImages {
  ImageStore* store = nullptr;  // of this process; null: the model takes none
  ImageCarrierOptions carrier = {};
  std::vector<bool> open_memory = {};  // of each receiver: whether it can open shared memory of the publisher's process
};

class PlanCourier {
 public:
  // `group`: of the rank that uses it: the publisher, or the first rank of the group in another process.
  // `publisher`: the publisher's rank in the world. `receivers`: ranks of the group.
  PlanCourier(GroupCommunicator group, int32_t publisher, std::vector<int32_t> receivers, StepPlanLimits limits,
              CourierImages images);

  // By the publisher, in this order. Both return a number of bytes, which goes into its header, and do not wait for the
  // receivers.
  Result<int64_t> send(const StepPlan& plan) const;
  // What the receivers lack of the plan's images; 0: nothing was sent.
  Result<int64_t> send_images(const StepPlan& plan);

  // By a receiver, after the header exchange: the plan that the publisher's header announces; null if none. Bytes that
  // are no plan within the limits are an error.
  Result<std::shared_ptr<const StepPlan>> receive(std::span<const StepHeader> headers);

 private:
  Status receive_images(int64_t num_bytes);

  GroupCommunicator group_;
  const int32_t publisher_;
  const std::vector<int32_t> receivers_;
  const StepPlanLimits limits_;
  const CourierImages images_;
  std::optional<ImageSender> image_sender_;
  std::optional<ImageReceiver> image_receiver_;
};

}  // namespace braid
