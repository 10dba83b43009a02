// A vision tower whose parts are in the processes of a DP group, which encode each image together, beside the steps:
// the process of the group's publisher has the image and gets its features, the others help. They exchange rows in a
// world of their own (RankTransport::make_process_world), so that neither steps nor images wait for each other there.
//
// No process decides alone that it takes part. The leader calls the others by a number in what its publisher sends
// (PlanImages::num_joint), and begins once that is on its way. What goes wrong while an image is encoded ends this
// world, and the ranks' world with it. Tested by joint_tower_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "braid/base/result.h"
#include "braid/base/thread_role.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/make_ops.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/parallel/group_row_exchange.h"
#include "braid/parallel/thread_world.h"

namespace braid {

class JointTower {
 public:
  // `world`: one member for each process, in the groups of the ranks; not yet used. `num_threads`: of this process,
  // that encode an image. All processes make one.
  JointTower(std::shared_ptr<const VisionTower> tower, std::unique_ptr<ThreadWorld> world, CpuIsa isa,
             int32_t num_threads);
  // Ends the world if leave() was not called.
  ~JointTower();
  JointTower(const JointTower&) = delete;
  JointTower& operator=(const JointTower&) = delete;

  // What this process's ranks have done so far: until it has been called for an image, others wait for them, however
  // long their step takes. From then on they wait for the threads that encode. From any thread.
  void watch(std::function<Progress()> ranks);

  bool leads() const { return group_.rank() == 0; }

  // Of the leader: called on any thread when the others are to be called. Before the first image.
  void on_call(std::function<void()> call) { on_call_ = std::move(call); }
  // Waits until take_calls() has been asked. One thread at a time.
  Result<ImageFeatures> encode(const ImagePatches& image);
  // By the publisher: how many images there were so far, which it sends to the others.
  uint64_t take_calls();

  // Of the others: there were so many images so far. Does not wait.
  void help(uint64_t num_images);

  // After the last step of all ranks, by all processes: ends what is under way, then parts from the others.
  Status leave();
  // From any thread: ends the world, so that nobody waits.
  void end();

 private:
  // Of the thread that encodes, which makes it, so that its members have that thread's priority.
  struct Compute {
    Compute(CpuIsa isa, int32_t num_threads) : team(num_threads, ThreadRole::kImages), ops(make_cpu_ops(isa, team)) {}
    ThreadTeam team;
    std::unique_ptr<Ops> ops;
  };

  void help_with_images();
  Ops& ops();
  // The next one, by all processes at once; null: it is the leader's. Nothing: there is no more.
  Result<std::optional<ImageFeatures>> encode_next(const ImagePatches* image);
  Result<std::optional<ImageFeatures>> try_encode_next(const ImagePatches* image);
  Status say_goodbye();
  Progress progress(const std::function<Progress()>& ranks);

  const std::shared_ptr<const VisionTower> tower_;
  const std::unique_ptr<ThreadWorld> world_;
  const GroupCommunicator group_;
  const CpuIsa isa_;
  const int32_t num_threads_;
  GroupRowExchange exchange_;  // used by the thread that encodes, like the next
  int64_t num_encoded_ = 0;
  std::function<void()> on_call_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Compute> compute_;  // made under the mutex
  uint64_t num_called_ = 0;         // images that the leader encodes, or that others are called for
  uint64_t num_sent_ = 0;           // calls that the publisher has taken
  uint64_t num_ended_ = 0;          // images that this process is done with
  Progress ranks_seen_;             // of this process, before it was last called
  bool is_leaving_ = false;
  bool has_ended_ = false;

  std::thread helper_;
};

}  // namespace braid
