// The checks between node 0 and the others, from both sides. Tested by tests/cluster/test_doctor.py.
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/system_info.h"
#include "braid/cli/doctor/checks.h"
#include "braid/node/node_agent.h"

namespace braid {
namespace {

constexpr double kMostAhead_s = 1;  // of a clock: logs and traces of nodes are read side by side

std::string node_0(const DoctorCase& doctor) {
  return fmt::format("tcp://{}:{}", doctor.engine.processes.address, doctor.engine.processes.port);
}

std::string hint(const DoctorCase& doctor) {
  return fmt::format(
      "start `braid doctor` there with --node-rank, and open port {} of node 0 and all ports between nodes",
      doctor.engine.processes.port);
}

bool report_node(const DoctorCase& doctor, int32_t node, const NodeMeeting::Attendance& attendance,
                 const std::vector<std::string>& strangers, DoctorReport& report) {
  const std::string name = fmt::format("node {}", node);
  if (!attendance.problem.empty()) {
    report.fail(name, attendance.problem, "make program, model and flags the same on all nodes");
  } else if (attendance.hello) {
    report.pass(name, fmt::format("{}: same braid, checkpoint and layout", attendance.hello->host));
  } else if (!strangers.empty()) {
    report.fail(name, strangers.back(), "copy the key file to every node");
  } else {
    report.fail(name, fmt::format("has not come within {} s", doctor.wait_s), hint(doctor));
  }
  return attendance.hello.has_value();
}

void report_reading(const DoctorCase& doctor, int32_t node, const NodeMeeting::Reading& reading, DoctorReport& report) {
  const ClockOffset& clock = reading.clock;
  const std::string text =
      fmt::format("node {}'s is {:.2f} ms {} this one's, +- {:.2f} ms", node, std::abs(clock.ahead_s) * 1e3,
                  clock.ahead_s < 0 ? "behind" : "ahead of", clock.error_s * 1e3);
  if (std::abs(clock.ahead_s) - clock.error_s > kMostAhead_s) {
    report.fail("clocks", text, "set both by NTP (chrony, systemd-timesyncd)");
  } else {
    report.pass("clocks", text);
  }
  const std::string_view own = isa_name(doctor.isa());
  const auto tier = choose_isa(reading.isa);
  report.pass("instructions", reading.isa == own ? fmt::format("node {} has {}, too", node, own)
                                                 : fmt::format("node {} has {}: all compute in {}", node, reading.isa,
                                                               tier.ok() && *tier < doctor.isa() ? reading.isa : own));
}

}  // namespace

std::unique_ptr<NodeMeeting> check_nodes(const DoctorCase& doctor, const ClusterKey& key, const std::string& identity,
                                         DoctorReport& report) {
  auto meeting = NodeMeeting::open({.num_nodes = doctor.num_nodes(),
                                    .identity = identity,
                                    .link = {.endpoint = fmt::format("tcp://*:{}", doctor.engine.processes.port),
                                             .keys = key.for_front(),
                                             .limits = {}}});
  if (!meeting.ok()) {
    report.fail("nodes", meeting.error().message, "end what listens there, or take another --coordinator-port");
    return nullptr;
  }
  const std::vector<NodeMeeting::Attendance> attendance = (*meeting)->wait_for_nodes(doctor.wait_s);
  const std::vector<std::string> strangers = (*meeting)->strangers();
  bool are_there = true;
  for (int32_t node = 1; node < doctor.num_nodes(); ++node) {
    are_there = report_node(doctor, node, attendance[static_cast<size_t>(node)], strangers, report) && are_there;
  }
  for (int32_t node = 1; node < doctor.num_nodes() && are_there; ++node) {
    if (const auto reading = (*meeting)->read_node(node)) {
      report_reading(doctor, node, *reading, report);
    } else {
      report.fail("clocks", fmt::format("node {} does not answer any more", node), hint(doctor));
      are_there = false;
    }
  }
  if (!are_there) {
    (*meeting)->refuse_all("not all nodes are there and fit: its report says which");
    return nullptr;
  }
  return std::move(meeting).value();
}

void check_node_0(const DoctorCase& doctor, const ClusterKey& key, const std::string& identity, DoctorReport& report) {
  auto folder = RuntimeFolder::make();
  if (!folder.ok()) {
    report.fail("node 0", folder.error().message, "make /dev/shm or /tmp writable");
    return;
  }
  NodeAgent agent({.fronts = {{.endpoint = node_0(doctor), .keys = key.for_process(), .limits = {}}},
                   .hello = {.node = doctor.node(),
                             .num_nodes = doctor.num_nodes(),
                             .pid = getpid(),
                             .host = host_name(),
                             .identity = identity},
                   .folder = folder->path().string(),
                   .isa = std::string(isa_name(doctor.isa()))},
                  doctor.logger);
  Result<NodeAgent::Ending> done = NodeAgent::Ending{};
  std::atomic<bool> is_done = false;
  std::thread worker([&] {
    done = agent.run();
    is_done = true;
  });
  double heard_s = monotonic_seconds();
  std::string silence;
  while (!is_done) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double now_s = monotonic_seconds();
    const std::string trouble = agent.trouble();
    if (agent.has_heard() && trouble.empty()) heard_s = now_s;
    if (now_s < heard_s + doctor.wait_s) continue;
    silence =
        trouble.empty() ? fmt::format("nothing answers at {} within {} s", node_0(doctor), doctor.wait_s) : trouble;
    agent.stop();
  }
  worker.join();
  if (!silence.empty()) {
    report.fail("node 0", silence, hint(doctor));
  } else if (!done.ok()) {
    report.fail("node 0", done.error().message, "see its report");
  } else {
    report.pass("node 0", fmt::format("{}: has worked with this node; its report has the rest", node_0(doctor)));
  }
}

}  // namespace braid
