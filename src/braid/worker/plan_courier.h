// Carries the plans of a group whose ranks are in several processes: as bytes, one message for each of the other
// processes, which is on its way before the headers are exchanged. What the processes tell each other about images
// travels behind it, or without a plan.
// Tested by rank_processes_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan_codec.h"
#include "braid/worker/image_receiver.h"
#include "braid/worker/image_sender.h"
#include "braid/worker/joint_tower.h"
#include "braid/worker/step_protocol.h"

namespace braid {

// The most that a plan may hold for a group with such a scheduler.
StepPlanLimits step_plan_limits(const SchedulerConfig& group, int64_t vocab_size, int32_t num_groups);

// What a courier needs where the model takes images.
struct CourierImages {
  ImageStore* store = nullptr;  // of this process; null: the model takes none
  ImageCarrierOptions carrier = {};
  // Of each of the group's processes, from 0: those of one host can open each other's shared memory.
  std::vector<int32_t> hosts = {};
  Logger* log = nullptr;        // outlives the courier; may be null
  JointTower* tower = nullptr;  // of these processes; null: each encodes alone
};

class PlanCourier {
 public:
  // `group`: of the rank that uses it: the publisher, or the first rank of the group in another process.
  // `publisher`: the publisher's rank in the world. `receivers`: ranks of the group.
  PlanCourier(GroupCommunicator group, int32_t publisher, std::vector<int32_t> receivers, StepPlanLimits limits,
              CourierImages images);

  // By the publisher. Returns the number of bytes, which goes into its header, and does not wait for the receivers.
  Result<int64_t> send(const StepPlan& plan) const;
  // By all, in every round, after the plan: what others must be told about images, announced in the header. Nor does
  // this wait.
  Status send_images(StepHeader& header);

  // By a receiver, after the header exchange: the plan that the publisher's header announces; null if none. Bytes that
  // are no plan within the limits are an error.
  Result<std::shared_ptr<const StepPlan>> receive(std::span<const StepHeader> headers);
  // By all, in every round that does not end the world, after the plan.
  Status receive_images(std::span<const StepHeader> headers);

  // Called on any thread when an image has been made here, also after the courier's end. Before the first round.
  void on_images_made(std::function<void()> call);
  // Of the publisher; null if the model takes no images.
  ImageDesk* image_desk() { return image_sender_ ? &*image_sender_ : nullptr; }
  // Where the strategy for images depends on it: measures the link to a process on another host. By all, at once.
  Status measure_link();

 private:
  std::vector<PlanImages> take_messages();
  Result<int64_t> send_chain(std::vector<PlanImages> messages);
  Status receive_chain(size_t from, int64_t num_bytes);
  void count(const PlanImages& message, int64_t num_bytes, double seconds) const;

  GroupCommunicator group_;
  const int32_t publisher_;
  const std::vector<int32_t> receivers_;
  std::vector<int32_t> processes_;  // a rank of each, in the group; the publisher's is the first
  size_t own_process_ = 0;
  const StepPlanLimits limits_;
  const CourierImages images_;
  std::optional<ImageSender> image_sender_;
  std::optional<ImageReceiver> image_receiver_;
  uint64_t num_reported_ = 0;  // images, in the last header
  uint64_t num_joint_ = 0;     // as in the last message that said it
};

}  // namespace braid
