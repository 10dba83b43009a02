// Where the ranks of `braid bench dispatch` run: as processes of this program, connected over ZeroMQ, or as threads.
// Tested by dispatch_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "braid/base/result.h"
#include "braid/wire/transport/link.h"
#include "braid/wire/transport/zmq_link.h"

namespace braid::dispatch {

struct RankLayout {
  int32_t num_groups = 2;
  int32_t ranks_per_group = 2;  // the publisher and its subscribers
};

// What a rank's process must know. Its parent writes it to a file that only this user can read.
struct RankTask {
  RankLayout layout;
  int32_t group = 0;
  int32_t rank = 0;         // within its group; 0 is the publisher
  ZmqEndpoints controller;  // for a publisher
  ZmqEndpoints group_link;  // between a publisher and its subscribers
  std::optional<CurveClient> curve;
};
std::string task_text(const RankTask& task);
Result<RankTask> parse_task(const std::string& text);
Status run_rank(const RankTask& task);  // until it is told to stop

// The ranks of one run, and the controller's link to them.
class Ranks {
 public:
  virtual ~Ranks() = default;
  virtual ControllerLink& link() = 0;
  virtual Status check() = 0;  // an error if a rank has ended
  virtual Status join() = 0;   // after stop commands: an error unless all have ended without one
};

struct ZmqRanksOptions {
  RankLayout layout;
  bool is_tcp = false;  // between the controller and the publishers; otherwise ipc
  bool is_encrypted = false;
};
Result<std::unique_ptr<Ranks>> start_processes(const ZmqRanksOptions& options);
Result<std::unique_ptr<Ranks>> start_threads(const RankLayout& layout);

}  // namespace braid::dispatch
