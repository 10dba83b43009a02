// The checks of `braid doctor`. Each adds its lines to the report. Tested by tests/e2e/test_doctor.py and
// tests/cluster/test_doctor.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/cli/doctor/report.h"
#include "braid/cli/serve_flags.h"
#include "braid/kernels/isa.h"
#include "braid/node/cluster_key.h"
#include "braid/node/node_meeting.h"
#include "braid/node/process_places.h"
#include "braid/node/runtime_folder.h"
#include "braid/weights/checkpoint.h"

namespace braid {

// What is to be checked: the flags of `braid serve` on this node.
struct DoctorCase {
  const ServeFlags& flags;
  EngineOptions engine;
  double wait_s = 60;  // for other nodes
  std::shared_ptr<Logger> logger;

  int32_t node() const { return engine.processes.node; }
  int32_t num_nodes() const {
    return std::max<int32_t>(1, static_cast<int32_t>(engine.processes.ranks_on_node.size()));
  }
  CpuIsa isa() const { return *engine.rank.isa; }  // of this node
  std::string name_of(int32_t node) const;         // for people
};

// Opens the model, which is downloaded as `braid serve` would. Absent: it cannot be served.
std::optional<Checkpoint> check_model(DoctorCase& doctor, DoctorReport& report);
void check_instructions(const DoctorCase& doctor, DoctorReport& report);
void check_open_files(const DoctorCase& doctor, DoctorReport& report);
// Whether clients and nodes can be listened for. Those of other nodes than node 0 need none.
void check_ports(const DoctorCase& doctor, DoctorReport& report);
// The key of several nodes. Absent: it cannot be read, or is not needed.
std::optional<ClusterKey> check_key(const DoctorCase& doctor, DoctorReport& report);

// On node 0: whether all others come and fit, what their clocks and instruction sets are. Null: a node is missing, or
// does not fit.
std::unique_ptr<NodeMeeting> check_nodes(const DoctorCase& doctor, const ClusterKey& key, const std::string& identity,
                                         DoctorReport& report);
// On another node: whether node 0 takes it. Returns when node 0 has done its checks, for which this node's agent works.
void check_node_0(const DoctorCase& doctor, const ClusterKey& key, const std::string& identity, DoctorReport& report);

// Latency and bandwidth between the nodes or, on one node, between two processes. Returns whether ranks can be started.
bool check_mpi(const DoctorCase& doctor, DoctorReport& report);
// Loads the model as `braid serve` would. 8 greedy tokens must be the same in every group.
void check_tokens(const DoctorCase& doctor, DoctorReport& report);

}  // namespace braid
