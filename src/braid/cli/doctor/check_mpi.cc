// How fast bytes get between nodes: by `braid ping`, started as ranks are. Tested by tests/e2e/test_doctor.py and
// tests/cluster/test_doctor.py.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "braid/base/clock.h"
#include "braid/cli/doctor/checks.h"
#include "braid/cli/ping_command.h"
#include "braid/formats/input_file.h"
#include "braid/node/child_process.h"
#include "braid/node/mpi_command.h"
#include "braid/node/mpi_message_layer.h"

namespace braid {
namespace {

constexpr double kMostLatency_s = 2e-3;
constexpr double kLeastBytesPerS = 50e6;
constexpr double kPing_s = 90;
constexpr int64_t kMaxReport = int64_t{1} << 20;

// The nodes whose ranks exchange rows by MPI, with a process each; two on the only one.
Result<std::vector<int32_t>> pinged_nodes(const ProcessOptions& own, const ParallelLayout& layout) {
  TRY(const auto worlds, place_processes(layout, own.ranks_on_node, own.ranks_per_process));
  std::vector<int32_t> counts(own.ranks_on_node.size(), 0);
  for (const std::vector<ProcessPlace>& processes : worlds) {
    if (processes.size() < 2) continue;
    for (const ProcessPlace& place : processes) counts[static_cast<size_t>(place.node)] = counts.size() == 1 ? 2 : 1;
  }
  return counts;
}

Status start_ping(const DoctorCase& doctor, const std::vector<int32_t>& counts, const RuntimeFolder& folder,
                  const std::string& out) {
  const ProcessOptions& own = doctor.engine.processes;
  MpiCommandOptions command{.processes_on_node = counts,
                            .program = {own.program, "ping", "--out", out},
                            .is_root = geteuid() == 0,
                            .launcher = {own.program, "node-run", "--world", "0"},
                            .message_layer = mpi_message_layer()};
  if (doctor.num_nodes() > 1) {
    TRY(const std::string front, folder.write_secret("endpoint", fmt::format("tcp://{}:{}", own.address, own.port)));
    command.launcher.insert(command.launcher.end(),
                            {"--front-file", front, "--cluster-key-file", own.cluster_key_file});
  }
  TRY(ChildProcess job, ChildProcess::start({.command = mpi_command(command),
                                             .more_environment = {"TMPDIR=" + folder.path().string()},
                                             .signal_on_orphan = SIGTERM}));
  const double until_s = monotonic_seconds() + kPing_s;
  while (!job.ending()) {
    if (monotonic_seconds() > until_s) return fail("has not ended within {} s", kPing_s);
    pollfd file{.fd = job.file(), .events = POLLIN, .revents = 0};
    poll(&file, 1, 100);
  }
  if (job.ending()->exit_code != 0) return fail("mpirun has ended: {}", job.ending()->text);
  return {};
}

Result<std::vector<PingFigures>> ping(const DoctorCase& doctor, const std::vector<int32_t>& counts) {
  TRY(const RuntimeFolder folder, RuntimeFolder::make());
  const std::string out = (folder.path() / "ping.json").string();
  TRY_STATUS(start_ping(doctor, counts, folder, out));
  TRY(const std::string text, read_text_file(out, kMaxReport));
  return read_ping_report(text);
}

void report_figures(const PingFigures& figures, const std::string& to, DoctorReport& report) {
  const std::string text =
      fmt::format("to {}: {:.1f} us, {:.2f} GB/s", to, figures.latency_s * 1e6, figures.bytes_per_s * 1e-9);
  if (figures.latency_s <= kMostLatency_s && figures.bytes_per_s >= kLeastBytesPerS) {
    report.pass("mpi", text);
  } else {
    report.fail("mpi", text,
                fmt::format("above {} us or below {} MB/s each layer of a step waits: a faster network, or "
                            "another interface (OMPI_MCA_btl_tcp_if_include)",
                            kMostLatency_s * 1e6, kLeastBytesPerS * 1e-6));
  }
}

}  // namespace

bool check_mpi(const DoctorCase& doctor, DoctorReport& report) {
  auto counts = doctor.engine.processes.ranks_on_node.empty()
                    ? Result<std::vector<int32_t>>(std::vector<int32_t>{0})
                    : pinged_nodes(doctor.engine.processes, doctor.engine.rank.layout);
  if (!counts.ok()) {
    report.fail("mpi", counts.error().message, "--ranks-on-node");
    return false;
  }
  std::vector<int32_t> nodes;
  for (int32_t node = 0; node < std::ssize(*counts); ++node) {
    if ((*counts)[static_cast<size_t>(node)] > 0) nodes.push_back(node);
  }
  if (nodes.empty()) {
    report.pass("mpi", "not needed: the ranks of a model are in one process");
    return true;
  }
  const auto figures = ping(doctor, *counts);
  if (!figures.ok()) {
    report.fail("mpi", figures.error().message,
                "install openmpi-bin under the same path on all nodes; the lines above");
    return false;
  }
  for (const PingFigures& one : *figures) {
    const bool is_here = nodes.size() == 1;
    report_figures(one, is_here ? "another process here" : doctor.name_of(nodes[static_cast<size_t>(one.process)]),
                   report);
  }
  return true;
}

}  // namespace braid
