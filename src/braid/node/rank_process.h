// A process that has ranks of one world, and no front: it joins the other processes of the world, loads its ranks, and
// works for a front that it reaches over a link. Tested by tests/e2e/test_rank_processes.py.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/node/rank_recorder.h"
#include "braid/node/remote_masks.h"
#include "braid/node/weight_checker.h"
#include "braid/parallel/process_port.h"
#include "braid/weights/checkpoint.h"
#include "braid/wire/group_listener.h"
#include "braid/wire/process_message.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/wire/transport/process_link.h"
#include "braid/worker/worker.h"

namespace braid {

struct RankProcessOptions {
  ProcessLinkOptions front;
  std::shared_ptr<ProcessPort> port;  // to the world's other processes; null: MPI's, if there are any
  int32_t world = 0;
  int32_t num_worlds = 1;
  int32_t num_restarts = 0;
  RankOptions ranks;                   // their layout is that of this world alone
  std::vector<int32_t> ranks_of_each;  // process of the world
  int32_t prefill_alignment = 0;
  std::string identity;          // as JoinOptions
  double join_timeout_s = 60;    // for the front to answer, and for the other processes to come
  double load_timeout_s = 3600;  // for the others to have read their weights
};

class RankProcess final : private GroupListener, private ProcessLinkOwner {
 public:
  // Joins MPI's job, if the world has several processes, and reports to the front.
  static Result<std::unique_ptr<RankProcess>> join(RankProcessOptions options, std::shared_ptr<Logger> logger);
  ~RankProcess() override;

  // Loads the ranks and works until the front says stop. An error if the world fails or the front is gone: the process
  // must end then without joining any thread, for ranks may be stuck.
  Status run(const Checkpoint& checkpoint);

  // Tells the front why this process ends before it could run.
  void give_up(const std::string& reason);

 private:
  RankProcess(RankProcessOptions options, std::shared_ptr<Logger> logger);

  void on_message(LinkMessageKind kind, SharedBytes body) override;
  void on_lost(const std::string& why) override;
  void on_outputs(int32_t group, GroupOutputs outputs) override;
  void on_failure(int32_t group, const std::string& reason, int32_t num_restarts) override;
  void on_restart(WorldRestart restart) override;

  void take(ProcessMessage message);
  void take_map(const SharedBytes& map);
  void take_direct_map(const DirectMap& direct);
  void tell(const ProcessMessage& message);
  void drop_what_is_damaged(const ProcessMessage& message);
  Status wait_for_start();
  Status load(const Checkpoint& checkpoint);
  std::vector<RankStatus> own_ranks(const RankSet& ranks) const;
  Status work();
  void tell_progress();
  void end(Status how);

  const RankProcessOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::shared_ptr<ProcessPort> port_;  // null: the world has one process
  std::unique_ptr<ProcessLink> link_;
  std::unique_ptr<RemoteMasks> masks_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ProcessStart> start_;
  std::optional<Status> ending_;
  std::unique_ptr<Worker> worker_;
  RankRecorder recorder_;           // uses the worker's trace
  WeightChecker weights_;           // reads the worker's weights
  InProcessLinks links_;            // to the publishers of this process
  std::vector<int32_t> published_;  // their groups, of the world
  std::jthread beats_;
};

}  // namespace braid
